// Clients that mean no good, or are just unlucky: each costs itself and nobody else.
import { test, before, after, describe } from 'node:test'
import net from 'node:net'
import { readFileSync, writeFileSync } from 'node:fs'
import { Stage, RealtimeClient, anonymous, assert, member, rawSocket, sleep, tenants, token, until, users, ws } from './support.mjs'

const collect = '/realtime-metrics-collection?action=collect_metrics'
const report = (tenantId) => ({ tenantId, connectionId: 'c', subscriptionType: 's', metrics: { messagesReceived: 1 } })
const changes = { config: { postgres_changes: [{ event: '*', schema: 'public', table: 'orders' }] } }

describe('hostile clients', () => {
  let stage
  before(async () => {
    writeFileSync('api-keys', `# for pages\nsb_publishable_0123456789=anon\n`)
    stage = await Stage.start({ 'api-keys-file': 'api-keys', 'requests-per-second': 100, 'handshake-timeout': 2, 'pool-size': 2, 'snapshot-bytes': 1000 })
  })
  after(() => stage.stop())

  // Sends bytes and reads nothing until it may; resolves with what came until the other side closed.
  const raw = (bytes, { paused = 0 } = {}) => new Promise((resolve) => {
    const socket = net.connect(stage.port, '127.0.0.1')
    let text = ''
    socket.on('connect', () => { socket.write(bytes); if (paused) { socket.pause(); setTimeout(() => socket.resume(), paused) } })
    socket.on('data', (data) => { text += data.toString('latin1') })
    socket.on('error', () => {})
    socket.on('close', () => resolve(text))
  })

  test('hundreds of requests in one packet are answered one after the other, also for who reads late or not at all', async () => {
    const many = (request, count) => `${request}\r\nHost: x\r\n\r\n`.repeat(count)
    const last = 'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
    for (const paused of [0, 500]) {
      const answers = await raw(many('GET /metrics HTTP/1.1', 340) + last, { paused })
      const statuses = answers.match(/HTTP\/1\.1 \d+/g)
      assert.ok(statuses.length > 100 && statuses.length <= 341, `${statuses.length} answers`)
      await sleep(500)
    }
    const answers = (await raw(many('GET / HTTP/1.1', 1500) + last)).match(/HTTP\/1\.1 \d+/g)
    assert.equal(answers.length, 1501)
    assert.equal(answers.at(-1), 'HTTP/1.1 200')
    assert.ok(answers.filter((answer) => answer === 'HTTP/1.1 429').length > 300, 'strangers are limited, too')
    await sleep(2100)
  })

  test('a snapshot that is denied leaves nothing behind for the next question', async () => {
    stage.sql('CREATE TABLE hidden (tenant_id uuid, id int PRIMARY KEY); SELECT realtime_add_table(\'hidden\')')
    await until(async () => (await stage.get('/realtime/v1/snapshot?table=hidden', member(0))).status === 403, 'the table is known')
    for (let attempt = 0; attempt < 6; ++attempt) assert.equal((await stage.get('/realtime/v1/snapshot?table=hidden', member(0))).status, 403)
    for (let attempt = 0; attempt < 4; ++attempt) assert.equal((await stage.post(collect, report(tenants[0]), member(0))).status, 200)
  })

  test('a snapshot of a table of members without policies is refused, and so is one that is too large', async () => {
    stage.sql(`CREATE TABLE bare (tenant_id uuid, id int, PRIMARY KEY (tenant_id, id)); INSERT INTO bare VALUES ('${tenants[1]}', 1); GRANT SELECT ON bare TO realtime_writer; SELECT realtime_add_table('bare')`)
    const answer = await until(async () => { const one = await stage.get('/realtime/v1/snapshot?table=bare', member(0)); return one.status !== 404 && one }, 'the table is known')
    assert.equal(answer.status, 403)
    assert.match((await answer.json()).message, /no row-level security/)
    stage.sql(`INSERT INTO orders SELECT '${tenants[0]}', i, repeat('x', 100) FROM generate_series(1, 20) i`)
    assert.equal((await stage.get('/realtime/v1/snapshot?table=orders', member(0))).status, 413)
    stage.sql('DELETE FROM orders')
    assert.deepEqual((await (await stage.get('/realtime/v1/snapshot?table=orders', member(0))).json()).rows, [])
  })

  test('who is removed gets nothing more, however the token spells the user', async () => {
    for (const sub of [users[0].toUpperCase(), `{${users[0]}}`, users[0].replaceAll('-', '')]) {
      const socket = await rawSocket(stage, { apikey: token({ role: 'authenticated', sub }) })
      socket.push('1', '1', 'realtime:a', 'phx_join', changes)
      await socket.find('system', (m) => m[4].message === 'Subscribed to PostgreSQL')
      stage.sql(`DELETE FROM tenant_memberships WHERE user_id = '${users[0]}'; INSERT INTO orders VALUES ('${tenants[0]}', 1)`)
      await socket.find('system', (m) => /no member of tenant/.test(m[4].message))
      stage.sql(`INSERT INTO tenant_memberships VALUES ('${tenants[0]}', '${users[0]}'); INSERT INTO orders VALUES ('${tenants[0]}', 2); `)
      await socket.find('postgres_changes')
      assert.deepEqual(socket.messages.filter((m) => m[3] === 'postgres_changes').map((m) => m[4].data.record.id), [2])
      stage.sql('DELETE FROM orders')
      socket.close()
    }
  })

  test('one tenant cannot ask without end, and strangers cannot use up what it may ask', async () => {
    const service = token({ role: 'service_role' })
    assert.equal((await stage.post(collect, report(tenants[1]), member(0))).status, 403)
    const asked = async (bearer, tenant, count) => (await Promise.all(Array.from({ length: count }, () => stage.post(collect, report(tenant), bearer, { 'x-forwarded-for': 'ignored' })))).map((answer) => answer.status)
    await sleep(2100)
    const theirs = await asked(member(0), tenants[1], 60)
    assert.ok(theirs.every((status) => status === 403))
    assert.equal((await stage.post(collect, report(tenants[1]), member(1))).status, 200)
    assert.ok([200, 403].includes((await stage.post(collect, report(tenants[0]), service)).status))
    // What anybody may ask about a tenant, and see nothing, does not count for it either, in no spelling.
    await Promise.all(Array.from({ length: 400 }, () => stage.post('/widget-realtime-enhanced?action=get_status', { tenantId: tenants[1] }, anonymous)))
    await Promise.all(Array.from({ length: 400 }, () => stage.post(collect, `{"tenantId": "${tenants[1]}", ${JSON.stringify(report(tenants[0])).slice(1)}`, member(0))))
    assert.equal((await stage.post(collect, report(tenants[1]), member(1))).status, 200)
    await sleep(2100)
    const own = await asked(service, tenants[1], 400)
    assert.equal((await stage.post(collect, report(tenants[1].toUpperCase()), member(1))).status, own.includes(200) ? 429 : 200)
    await sleep(4100)
  })

  test('a body behind another request in one packet is read in its order', async () => {
    const body = JSON.stringify(report(tenants[0])) + ' '.repeat(300_000)
    const head = (request, more = '') => `${request} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${member(0)}\r\n${more}\r\n`
    for (let attempt = 0; attempt < 5; ++attempt) {
      const answers = await raw(head('GET /healthz') + head('GET /realtime/v1/nothing') +
        head(`POST ${collect}`, `Content-Type: application/json\r\nConnection: close\r\nContent-Length: ${body.length}\r\n`) + body)
      assert.deepEqual(answers.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 404', 'HTTP/1.1 200'])
    }
  })

  test('a table that was for everybody and is not any more has no snapshot without policies', async () => {
    stage.sql(`CREATE TABLE moved (tenant_id uuid, id int PRIMARY KEY); INSERT INTO moved VALUES ('${tenants[1]}', 1); GRANT SELECT ON moved TO realtime_writer;
      SELECT realtime_add_table('moved', access => 'public')`)
    assert.equal((await (await stage.get('/realtime/v1/snapshot?table=moved', member(0))).json()).rows.length, 1)
    stage.sql(`SELECT realtime_add_table('moved')`)
    assert.equal((await stage.get('/realtime/v1/snapshot?table=moved', member(0))).status, 403)
    stage.sql(`SELECT realtime_remove_table('moved')`)
    assert.equal((await stage.get('/realtime/v1/snapshot?table=moved', member(0))).status, 404)
  })

  test('pings count as messages', async () => {
    const socket = await rawSocket(stage)
    for (let count = 0; count < 1500; ++count) socket.ping()
    assert.deepEqual(await socket.closed, { code: 1008, reason: 'more than 500 messages per second' })
  })

  test('who sends hundreds of messages at once is answered in their order, and others have their turn in between', async () => {
    const [many, one] = [await rawSocket(stage), await rawSocket(stage)]
    for (const socket of [many, one]) {
      socket.push('1', '1', 'realtime:burst', 'phx_join', { config: {} })
      assert.equal((await socket.find('phx_reply'))[4].status, 'ok')
    }
    many.messages.length = 0
    stage.process.kill('SIGSTOP')
    for (let count = 0; count < 900; ++count) many.push(null, `${count}`, 'phoenix', 'heartbeat', {})
    one.push('1', '2', 'realtime:burst', 'broadcast', { type: 'broadcast', event: 'turn', payload: {} })
    await sleep(100)
    stage.process.kill('SIGCONT')
    await until(() => many.messages.length === 901, 'all answers and the message of the other one')
    assert.deepEqual(many.messages.filter((m) => m[3] === 'phx_reply').map((m) => m[1]), Array.from({ length: 900 }, (_, count) => `${count}`))
    const turn = many.messages.findIndex((m) => m[3] === 'broadcast')
    assert.ok(turn >= 0 && turn <= 100, `the other one's message came behind ${turn} answers`)
    for (const socket of [many, one]) socket.close()
  })

  test('what is sent behind hundreds of messages is not lost when the connection ends meanwhile', async () => {
    const [many, other] = [await rawSocket(stage), await rawSocket(stage)]
    for (const socket of [many, other]) {
      socket.push('1', '1', 'realtime:end', 'phx_join', { config: {} })
      assert.equal((await socket.find('phx_reply'))[4].status, 'ok')
    }
    stage.process.kill('SIGSTOP')
    for (let count = 0; count < 900; ++count) many.push(null, `${count}`, 'phoenix', 'heartbeat', {})
    many.push('1', '2', 'realtime:end', 'broadcast', { type: 'broadcast', event: 'last', payload: {} })
    many.close()
    await sleep(100)
    stage.process.kill('SIGCONT')
    await other.find('broadcast')
    assert.equal((await many.closed).code, 1000)
    other.close()
  })

  test('a WebSocket that joins nothing, and a message that does not end, are given up', async () => {
    const socket = await rawSocket(stage)
    socket.push(null, '1', 'phoenix', 'heartbeat', {})
    assert.deepEqual(await socket.closed, { code: 1008, reason: 'no channel was joined within 2 seconds' })
  })

  test('bodies of strangers are read only as far as it needs to refuse them', async () => {
    assert.equal((await stage.post(collect, { x: 'y'.repeat(10_000) })).status, 401)
    assert.equal((await stage.post(collect, { x: 'y'.repeat(100_000) })).status, 413)
    assert.equal((await stage.post(collect, Array.from({ length: 1000 }, () => report(tenants[0])), member(0))).status, 200)
  })

  test('presence of a topic is bounded in bytes', async () => {
    const socket = await rawSocket(stage)
    socket.push('1', '1', 'realtime:a', 'phx_join', { config: { presence: { key: 'k'.repeat(300) } } })
    assert.match((await socket.find('phx_reply'))[4].response.reason, /presence.key is longer than 255 bytes/)
    let room = 0
    for (let number = 0; number < 20; ++number) {
      socket.push(`${number + 2}`, `${number + 2}`, `realtime:room`, 'phx_join', { config: { presence: { key: `k${number}` } } })
      socket.push(`${number + 2}`, `t${number}`, 'realtime:room', 'presence', { event: 'track', payload: { x: 'y'.repeat(60_000) } })
      const reply = await socket.find('phx_reply', (m) => m[1] === `t${number}`)
      room += reply[4].status === 'ok' ? 1 : 0
    }
    assert.equal(room, 20, 'who left does not count')
    socket.close()
  })

  test('opaque API keys are what their file says', async () => {
    const client = new RealtimeClient(`ws://127.0.0.1:${stage.port}/realtime/v1`, { params: { apikey: 'sb_publishable_0123456789' }, transport: ws, accessToken: async () => 'sb_publishable_0123456789' })
    const channel = await stage.subscribe(client, [{ event: '*', table: 'plans' }])
    stage.sql(`INSERT INTO plans VALUES (1, 'free')`)
    await until(() => channel.events.length === 1, 'event')
    await client.disconnect()
    assert.equal((await stage.post('/realtime/v1/api/broadcast', { messages: [{ topic: 'a', event: 'b', payload: {} }] }, undefined, { apikey: 'sb_publishable_0123456789' })).status, 202)
    assert.equal((await stage.post('/realtime/v1/api/broadcast', { messages: [] }, undefined, { apikey: 'sb_publishable_0123456788' })).status, 401)
    assert.equal((await stage.post('/realtime/v1/api/broadcast', { messages: Array.from({ length: 101 }, () => ({ topic: 'a', event: 'b' })) }, anonymous)).status, 413)
  })

  test('a key that is taken out of the file ends what goes on with it', async () => {
    const content = readFileSync('api-keys', 'utf8')
    writeFileSync('api-keys', content + 'sb_secret_0123456789=service_role\n')
    stage.process.kill('SIGHUP')
    const get = (path) => fetch(stage.url + path, { headers: { apikey: 'sb_secret_0123456789' } })
    const status = async () => (await stage.post('/realtime/v1/api/broadcast', { messages: [] }, undefined, { apikey: 'sb_secret_0123456789' })).status
    await until(async () => await status() === 202, 'the key is known')
    const socket = await rawSocket(stage, { apikey: 'sb_secret_0123456789' })
    const stranger = await rawSocket(stage, { apikey: 'sb_publishable_0123456789' })
    for (const one of [socket, stranger]) {
      one.push('1', '1', 'realtime:a', 'phx_join', { config: { postgres_changes: [{ event: '*', schema: 'public', table: 'plans' }] } })
      await one.find('system', (m) => m[4].message === 'Subscribed to PostgreSQL')
    }
    const stream = await get('/realtime/v1/stream?table=orders')
    writeFileSync('api-keys', content)
    stage.process.kill('SIGHUP')
    await socket.find('system', (m) => m[4].message === 'Token was revoked')
    await socket.find('phx_close')
    assert.match(await stream.text(), /Token was revoked/)
    assert.equal(await status(), 401)
    stage.sql(`INSERT INTO plans VALUES (2, 'paid')`)
    await stranger.find('postgres_changes')
    socket.close()
    stranger.close()
  })

  test('a member of several tenants names the room where the address names it', async () => {
    const service = token({ role: 'service_role' })
    const socket = await rawSocket(stage, { apikey: service, query: `&tenant=${tenants[0]}` })
    socket.push('1', '1', 'realtime:kitchen', 'phx_join', { config: { private: true } })
    assert.equal((await socket.find('phx_reply'))[4].status, 'ok')
    assert.equal((await stage.post(`/realtime/v1/api/broadcast?tenant=${tenants[0]}`, { messages: [{ topic: 'kitchen', event: 'bell', payload: { n: 1 }, private: true }] }, service)).status, 202)
    assert.deepEqual((await socket.find('broadcast'))[4].payload, { n: 1 })
    socket.close()
  })
})

describe('reports of connections', () => {
  let stage
  before(async () => { stage = await Stage.start({ 'report-interval': 1 }) })
  after(() => stage.stop())

  test('a topic with a strange name costs nobody their report', async () => {
    const sockets = []
    for (const topic of ['realtime:*', 'realtime:\u0000', `realtime:${'é'.repeat(200)}`, 'realtime:orders']) {
      const socket = await rawSocket(stage, { apikey: member(0) })
      socket.push('1', '1', topic, 'phx_join', { config: { private: true } })
      await socket.find('phx_reply')
      sockets.push(socket)
    }
    const types = () => stage.sql('SELECT count(DISTINCT subscription_type) FROM realtime_connection_metrics')
    await until(() => types() === '4', 'reports of all four')
    for (const socket of sockets) socket.close()
  })
})
