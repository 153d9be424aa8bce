// How the gateway goes down: everybody is sent away, nobody is waited for without end.
import { test, describe } from 'node:test'
import net from 'node:net'
import { Stage, anonymous, assert, connect, joined, lock, member, request, sleep, until } from './support.mjs'

const waits = (stage) => until(() => stage.sql(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) === '1', 'the request is at the database')

describe('going down', () => {
  test('clients are sent away, and one that does not go is not waited for longer than drain-timeout', async (context) => {
    const stage = await Stage.start({ 'drain-timeout': 1, 'query-timeout': 100_000, 'handshake-timeout': 100 })
    const release = await lock(stage, 'orders', context)
    const clients = [await joined(stage), await joined(stage)]
    const stream = await stage.get('/realtime/v1/stream?table=plans', anonymous)
    const works = connect(stage, request('/realtime/v1/snapshot?table=orders', `Authorization: Bearer ${member(0)}`))
    const half = connect(stage, 'GET /healthz HTTP/1.1\r\n')
    await waits(stage)
    stage.process.kill('SIGTERM')
    for (const client of clients) assert.deepEqual(await client.closed, { code: 1012, reason: 'the gateway restarts' })
    await stream.text()
    await assert.rejects(() => new Promise((resolve, reject) => net.connect(stage.port, '127.0.0.1', resolve).on('error', reject)), /ECONNREFUSED/)
    const end = await Promise.race([stage.ended, sleep(8_000)])
    assert.equal(end, 0, `it ended: ${stage.log.slice(-500)}`)
    for (const socket of [works, half]) assert.equal(await socket.ended, '')
    await release()
    await stage.stop()
  })

  test('a request that is worked on is answered before the gateway ends', async (context) => {
    const stage = await Stage.start({ 'drain-timeout': 60 })
    const release = await lock(stage, 'orders', context)
    const socket = await joined(stage)
    const works = connect(stage, request('/realtime/v1/snapshot?table=orders', `Authorization: Bearer ${member(0)}`))
    await waits(stage)
    stage.process.kill('SIGTERM')
    assert.equal((await socket.closed).code, 1012)
    await release()
    const answer = await works.ended
    assert.match(answer, /^HTTP\/1\.1 200 /)
    assert.match(answer, /"rows":\[\]/)
    assert.equal(await stage.ended, 0)
    await stage.stop()
  })
})
