// What can be watched: figures that move as they should, and lines of the log.
import { test, before, after, describe } from 'node:test'
import { Stage, anonymous, assert, member, rawSocket, tenants, token, until } from './support.mjs'

describe('figures', () => {
  let stage
  before(async () => { stage = await Stage.start({ 'metrics-tenants': 1, 'log-format': 'json' }) })
  after(() => stage.stop())

  const names = { changes: 'changes_total', deliveries: 'deliveries_total', sends: 'commit_to_send_seconds_count', resumes: 'resumes_total', replayed: 'replayed_total', refetches: 'refetches_total', accepted: 'joins_total{result="accepted"}', refused: 'joins_total{result="refused"}', broadcasts: 'broadcasts_total{result="sent"}', expired: 'tokens_expired_total', revoked: 'memberships_revoked_total' }
  const all = async () => {
    const values = await stage.metrics(Object.values(names).map((name) => `pg_realtimed_${name}`))
    return Object.fromEntries(Object.keys(names).map((name, index) => [name, values[index]]))
  }
  // What comes of something; figures are at most a second old.
  async function moved(action, wanted) {
    let before
    await until(async () => { const [one, two] = [await all(), await all()]; before = two; return JSON.stringify(one) === JSON.stringify(two) }, 'figures rest')
    await action()
    let difference
    await until(async () => {
      const now = await all()
      difference = Object.fromEntries(Object.keys(names).map((name) => [name, now[name] - before[name]]).filter(([, value]) => value !== 0))
      return JSON.stringify(difference) === JSON.stringify(wanted)
    }, `figures move by ${JSON.stringify(wanted)}`, () => JSON.stringify(difference))
  }
  const subscribe = async (user, since) => {
    const socket = await rawSocket(stage)
    socket.push('1', '1', 'realtime:a', 'phx_join', { config: { postgres_changes: [{ event: '*', schema: 'public', table: 'orders', ...(since && { since }) }] }, access_token: member(user) })
    await socket.find('system', (m) => m[4].message === 'Subscribed to PostgreSQL')
    socket.changes = () => socket.messages.filter((m) => m[3] === 'postgres_changes')
    return socket
  }

  test('changes, deliveries, resumes and refetches are counted', async () => {
    let sockets, cursor
    await until(async () => (await stage.metric('pg_realtimed_replication_streaming')) === 1, 'the slot is read')
    await moved(async () => { sockets = [await subscribe(0), await subscribe(0), await subscribe(1)] }, { accepted: 3 })
    await moved(async () => {
      stage.sql(`INSERT INTO orders SELECT '${tenants[0]}', i FROM generate_series(1, 5) i; INSERT INTO orders VALUES ('${tenants[1]}', 1)`)
      await until(() => sockets[0].changes().length === 5 && sockets[1].changes().length === 5 && sockets[2].changes().length === 1, 'changes')
      cursor = sockets[0].changes()[2][4].data.cursor
    }, { changes: 6, deliveries: 11, sends: 6 })
    await moved(async () => { sockets.push(await subscribe(0, cursor)) }, { deliveries: 2, resumes: 1, replayed: 2, accepted: 1 })
    await moved(async () => { sockets.push(await subscribe(0, '0/1-0/0')) }, { refetches: 1, accepted: 1 })
    await moved(async () => {
      sockets[0].push('9', '9', 'realtime:b', 'phx_join', { config: {}, access_token: 'nonsense' })
      await sockets[0].find('phx_reply', (m) => m[1] === '9')
      sockets[0].push('1', '10', 'realtime:a', 'broadcast', { type: 'broadcast', event: 'e', payload: {} })
      await sockets[1].find('broadcast')
    }, { refused: 1, broadcasts: 1 })
    for (const socket of sockets) socket.close()
  })

  test('the way from the commit to the sockets is a histogram, and nothing lags when nothing happens', async () => {
    const socket = await subscribe(0)
    stage.sql(`INSERT INTO orders VALUES ('${tenants[0]}', 100)`)
    await until(() => socket.changes().length === 1, 'change')
    await until(async () => await stage.metric('pg_realtimed_replication_lag_bytes') === 0, 'no lag')
    await until(async () => await stage.metric('pg_realtimed_history_changes') > 0, 'the history holds something')
    await until(async () => await stage.metric('pg_realtimed_replication_kept_bytes') > 0, 'the slot keeps something')
    await until(async () => await stage.metric('pg_realtimed_commit_to_send_seconds_count') > 0, 'it is counted')
    const page = await (await stage.get('/metrics')).text()
    const buckets = [...page.matchAll(/^pg_realtimed_commit_to_send_seconds_bucket\{le="([^"]+)"\} (\d+)$/gm)].map((line) => [line[1], Number(line[2])])
    const count = Number(/^pg_realtimed_commit_to_send_seconds_count (\d+)$/m.exec(page)[1])
    assert.ok(buckets.length > 10)
    assert.deepEqual(buckets.at(-1), ['+Inf', count])
    assert.deepEqual(buckets.map(([, value]) => value), buckets.map(([, value]) => value).sort((a, b) => a - b))
    assert.ok(Number(/^pg_realtimed_commit_to_send_seconds_sum (\S+)$/m.exec(page)[1]) > 0)
    // Every series says what it is.
    for (const [, name] of page.matchAll(/^([a-z_]+?)(?:_bucket|_sum|_count)?(?:\{.*\})? \S+$/gm)) {
      assert.ok(page.includes(`# HELP ${name} `) && page.includes(`# TYPE ${name} `), name)
    }
    socket.close()
  })

  test('only the largest tenants have series of their own, the others are summed up', async () => {
    const sockets = [await subscribe(0), await subscribe(0), await subscribe(0), await subscribe(1), await subscribe(1)]
    const series = async (bearer) => Object.fromEntries([...(await (await stage.get('/metrics', bearer)).text()).matchAll(/^pg_realtimed_tenant_channels\{tenant="([^"]+)"\} (\d+)$/gm)].map((line) => [line[1], Number(line[2])]))
    const service = token({ role: 'service_role' })
    await until(async () => JSON.stringify(await series(service)) === JSON.stringify({ [tenants[0]]: 3, other: 2 }), 'series of one tenant', async () => JSON.stringify(await series(service)))
    await until(async () => JSON.stringify(await series(anonymous)) === JSON.stringify({ other: 5 }), 'series of none', async () => JSON.stringify(await series(anonymous)))
    for (const socket of sockets) socket.close()
  })

  test('an event stream that comes back too late is told to read again, and goes on from now', async () => {
    for (const since of ['0/1-0/0', 'FF/1-0/0']) {
      const control = new AbortController()
      const answer = await fetch(`${stage.url}/realtime/v1/stream?table=orders`, { headers: { authorization: `Bearer ${member(0)}`, 'last-event-id': since }, signal: control.signal })
      assert.equal(answer.status, 200)
      let text = ''
      const reading = (async () => { for await (const chunk of answer.body) text += Buffer.from(chunk).toString() })().catch(() => {})
      const events = () => [...text.matchAll(/^data: (.*)\n\n/gm)].map((line) => JSON.parse(line[1]))
      await until(() => events().some((event) => event.message === 'Subscribed to PostgreSQL'), 'live')
      const told = events().find((event) => event.refetch)
      assert.match(told.message, /^Refetch: /)
      stage.sql(`DELETE FROM orders; INSERT INTO orders VALUES ('${tenants[0]}', 200)`)
      await until(() => events().some((event) => event.record?.id === 200), 'what follows', () => text)
      // The id of the last event is where the next stream begins.
      const last = [...text.matchAll(/^id: (.*)$/gm)].at(-1)[1]
      assert.match(last, /^[0-9A-F]+\/[0-9A-F]+-/)
      control.abort()
      await reading
    }
  })

  test('with log-format json each line of the log is an object with time, level and message', async () => {
    assert.equal(await stage.stopGateway(), 0)
    const lines = stage.log.trimEnd().split('\n').map((line) => JSON.parse(line))
    assert.ok(lines.length > 5)
    for (const line of lines) {
      assert.deepEqual(Object.keys(line), ['time', 'level', 'message'])
      assert.match(line.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    }
    assert.ok(lines.some((line) => line.level === 'info' && /^listening on /.test(line.message)))
    assert.equal(lines.at(-1).message, 'ended')
  })
})
