// Clients that are slow: those that keep others waiting are given up, those that only read slowly are not.
import { test, before, after, describe } from 'node:test'
import { Stage, anonymous, assert, connect, joined, member, rawSocket, request, sleep, tenants, until } from './support.mjs'

describe('clients that are too slow', () => {
  let stage
  before(async () => { stage = await Stage.start({ 'handshake-timeout': 1, 'stall-timeout': 1, 'idle-timeout': 3, 'message-bytes': 2000 }) })
  after(() => stage.stop())

  test('a message that does not end closes the WebSocket, also when a byte comes now and then', async () => {
    const [silent, trickling] = [await joined(stage), await joined(stage)]
    const head = Buffer.from([0x81, 0xfe, 0x01, 0x00, 0, 0, 0, 0]) // a text of 256 bytes, masked
    silent._socket.write(head)
    trickling._socket.write(head)
    let bytes = 0
    const timer = setInterval(() => { if (++bytes < 200) trickling._socket.write('x') }, 100)
    for (const socket of [silent, trickling]) assert.deepEqual(await socket.closed, { code: 1008, reason: 'a message was not complete after 1 seconds' })
    clearInterval(timer)
    assert.ok(bytes < 200, 'it was not the end of the message')
  })

  test('half a request, in head or body, is answered with 408', async () => {
    const halves = ['GET /healthz HTTP/1.1\r\nHost: x\r\n', 'G', `POST /realtime/v1/api/broadcast HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${anonymous}\r\nContent-Length: 100\r\n\r\n{"messages"`]
    for (const answer of await Promise.all(halves.map((half) => connect(stage, half).ended))) {
      assert.match(answer, /^HTTP\/1\.1 408 /)
      assert.match(answer, /connection: close/i)
    }
    // A head that comes byte by byte has no more time than one that stops.
    const slow = connect(stage, 'GET /healthz HTTP/1.1\r\n')
    let sent = 0
    const timer = setInterval(() => { if (++sent < 200) slow.write(`x${sent}: y\r\n`) }, 100)
    assert.match(await slow.ended, /^HTTP\/1\.1 408 /)
    clearInterval(timer)
    assert.equal(await connect(stage).ended, '', 'who says nothing is told nothing')
  })

  test('pings between its fragments do not keep a message open', async () => {
    const socket = await joined(stage)
    socket._socket.write(Buffer.from([0x01, 0x81, 0, 0, 0, 0, 0x78])) // a text that is to go on, "x"
    let pings = 0
    const timer = setInterval(() => { if (++pings < 200) socket._socket.write(Buffer.from([0x89, 0x80, 0, 0, 0, 0])) }, 100)
    assert.deepEqual(await socket.closed, { code: 1008, reason: 'a message was not complete after 1 seconds' })
    clearInterval(timer)
    assert.ok(pings < 200, 'it was not the end of the pings')
  })

  test('a WebSocket without messages is closed, one with heartbeats is not', async () => {
    const [idle, busy] = [await joined(stage), await joined(stage)]
    let reference = 1
    const timer = setInterval(() => busy.push(null, `${++reference}`, 'phoenix', 'heartbeat', {}), 200)
    assert.deepEqual(await idle.closed, { code: 1000, reason: 'no message for 3 seconds' })
    clearInterval(timer)
    busy.push(null, 'last', 'phoenix', 'heartbeat', {})
    await busy.find('phx_reply', (m) => m[1] === 'last')
    busy.close()
  })

  test('a message that is too large closes the WebSocket, in one frame or several', async () => {
    const text = (bytes) => JSON.stringify([null, '5', 'phoenix', 'heartbeat', { x: '' }]).replace('""', `"${'x'.repeat(bytes)}"`)
    const fits = await joined(stage)
    fits.send(text(1900))
    await fits.find('phx_reply', (m) => m[1] === '5')
    fits.close()
    for (const send of [(socket) => socket.send(text(2000)), (socket) => { socket.send(text(1900), { fin: false }); socket.send('x'.repeat(1000), { fin: true }) }]) {
      const socket = await joined(stage)
      send(socket)
      assert.equal((await socket.closed).code, 1009)
    }
  })
})

describe('clients that read slowly', () => {
  test('who reads slowly is served from the history, gets everything in order and is not closed', async () => {
    const stage = await Stage.start({ 'send-queue-bytes': 200000, 'stall-timeout': 60 })
    const changes = { config: { postgres_changes: [{ event: 'INSERT', schema: 'public', table: 'orders' }] }, access_token: member(0) }
    const subscribe = async () => {
      const socket = await rawSocket(stage)
      socket.push('1', '1', 'realtime:a', 'phx_join', changes)
      await socket.find('system', (m) => m[4].message === 'Subscribed to PostgreSQL')
      socket.ids = () => socket.messages.filter((m) => m[3] === 'postgres_changes').map((m) => m[4].data.record.id)
      return socket
    }
    const [slow, quick] = [await subscribe(), await subscribe()]
    slow.pause()
    const count = 2600, each = 200
    for (let first = 0; first < count; first += each) {
      stage.sql(`INSERT INTO orders SELECT '${tenants[0]}', i, 'x', 1, repeat('z', 5000) FROM generate_series(${first}, ${first + each - 1}) i`)
    }
    await until(() => quick.ids().length === count, 'who reads has everything')
    await until(async () => await stage.metric('pg_realtimed_fallen_behind_total') >= 1, 'the slow one has fallen behind')
    // It takes some, rests, and takes some more, while more is written.
    slow.on('message', () => { if (slow.messages.length % 200 === 0) { slow.pause(); setTimeout(() => slow.resume(), 20) } })
    slow.resume()
    await until(() => slow.ids().length > each, 'it goes on')
    stage.sql(`INSERT INTO orders SELECT '${tenants[0]}', i FROM generate_series(${count}, ${count + each - 1}) i`)
    const all = Array.from({ length: count + each }, (_, id) => id)
    for (const socket of [slow, quick]) {
      await until(() => socket.ids().length >= all.length, 'everything')
      assert.deepEqual(socket.ids(), all)
    }
    // By now it is as live as the other one.
    stage.sql(`INSERT INTO orders VALUES ('${tenants[0]}', ${all.length})`)
    for (const socket of [slow, quick]) {
      await until(() => socket.ids().at(-1) === all.length, 'what follows')
      assert.ok(!socket.messages.some((m) => m[4].refetch))
      socket.close()
    }
    await until(async () => await stage.metric('pg_realtimed_replayed_total') > 0, 'it is counted')
    assert.equal(await stage.metric('pg_realtimed_closed_total{reason="slow_consumer"}'), 0)
    await stage.stop()
  })
})

// Larger than what the kernel takes in for a client that does not read.
describe('an answer that is taken slowly is given to its end', () => {
  let stage
  const bytes = 12_000_000
  before(async () => {
    stage = await Stage.start({ 'idle-timeout': 1, 'stall-timeout': 30, 'drain-timeout': 60 })
    stage.sql(`INSERT INTO orders SELECT '${tenants[0]}', id, 'new', 1, repeat('x', 4000) FROM generate_series(1, ${bytes / 4000}) id`)
  })
  after(() => stage.stop())

  const ask = async (...headers) => {
    const socket = connect(stage, request('/realtime/v1/snapshot?table=orders', `Authorization: Bearer ${member(0)}`, ...headers))
    await until(() => socket.text.length > 0, 'the answer begins')
    socket.pause()
    return socket
  }
  const isWhole = async (socket) => {
    socket.resume()
    await until(() => (socket.text.length > bytes && socket.text.endsWith('}]}')) || socket.destroyed, 'the end of the answer')
    const [head, body] = [socket.text.slice(0, socket.text.indexOf('\r\n\r\n')), socket.text.slice(socket.text.indexOf('\r\n\r\n') + 4)]
    assert.equal(body.length, Number(/content-length: (\d+)/i.exec(head)[1]))
    assert.equal(JSON.parse(body).rows.length, bytes / 4000)
  }

  test('when the connection ends behind it, when it does not, and when the gateway goes down meanwhile', async () => {
    const slow = [await ask('Connection: close'), await ask()]
    await sleep(5000) // longer than a connection without requests is kept, and than one waits for a client to close
    for (const socket of slow) await isWhole(socket)
    const last = await ask()
    stage.process.kill('SIGTERM')
    await sleep(1000)
    await isWhole(last)
    assert.equal(await stage.ended, 0)
    await stage.startGateway()
    for (const socket of [...slow, last]) socket.destroy()
  })
})
