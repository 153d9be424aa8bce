// Broadcast, presence, functions, limits and hostile clients.
import { test, before, after, describe } from 'node:test'
import net from 'node:net'
import { Stage, anonymous, assert, member, rawSocket, sleep, tenants, token, until, users } from './support.mjs'

describe('talk', () => {
  let stage
  before(async () => { stage = await Stage.start({ 'messages-per-second': 50, 'joins-per-second': 20, 'channels-per-socket': 10, 'send-queue-bytes': 200000, 'requests-per-second': 40, 'query-timeout': 2000, 'stall-timeout': 2 }) })
  after(() => stage.stop())

  for (const vsn of ['1.0.0', '2.0.0']) {
    test(`broadcast with ack, without self, and presence, vsn ${vsn}`, async () => {
      const [one, two] = [await stage.client(0, { vsn }), await stage.client(1, { vsn })]
      const heard = { one: [], two: [] }
      const join = (client, name, key) => new Promise((resolve) => {
        const channel = client.channel('room', { config: { broadcast: { ack: true }, presence: { key } } })
        channel.on('broadcast', { event: 'cur' }, (m) => heard[name].push(m.payload)).on('presence', { event: 'sync' }, () => {}).subscribe((s) => s === 'SUBSCRIBED' && resolve(channel))
      })
      const [a, b] = [await join(one, 'one', 'a'), await join(two, 'two', 'b')]
      assert.equal(await a.send({ type: 'broadcast', event: 'cur', payload: { x: 'é' } }), 'ok')
      await until(() => heard.two.length === 1, 'broadcast')
      assert.deepEqual(heard, { one: [], two: [{ x: 'é' }] })
      assert.equal(await a.track({ name: 'Ada' }), 'ok')
      assert.equal(await b.track({ name: 'Bob' }), 'ok')
      await until(() => Object.keys(b.presenceState()).length === 2 && Object.keys(a.presenceState()).length === 2, 'both are present')
      assert.equal(b.presenceState().a[0].name, 'Ada')
      await one.disconnect()
      await until(() => Object.keys(b.presenceState()).length === 1, 'who is gone is not present')
      await two.disconnect()
    })
  }

  test('private topics of two tenants are two rooms, and strangers have none', async () => {
    const clients = [await stage.client(0), await stage.client(1)]
    const heard = [[], []]
    const channels = await Promise.all(clients.map((client, i) => new Promise((resolve) => {
      const channel = client.channel('kitchen', { config: { private: true } })
      channel.on('broadcast', { event: 'bell' }, (m) => heard[i].push(m.payload)).subscribe((s) => s === 'SUBSCRIBED' && resolve(channel))
    })))
    stage.sql(`SELECT realtime_broadcast('${tenants[0]}', 'kitchen', 'bell', '{"table": 4}')`)
    await until(() => heard[0].length === 1, 'broadcast from the database')
    const answer = await stage.post('/realtime/v1/api/broadcast', { messages: [{ topic: 'kitchen', event: 'bell', payload: { n: 2 }, private: true }] }, member(1))
    assert.equal(answer.status, 202)
    await until(() => heard[1].length === 1, 'broadcast over HTTP')
    assert.deepEqual(heard, [[{ table: 4 }], [{ n: 2 }]])
    assert.equal((await stage.post('/realtime/v1/api/broadcast', { messages: [{ topic: 'kitchen', event: 'bell', payload: {}, private: true, tenant: tenants[0] }] }, member(1))).status, 403)
    assert.equal((await stage.post('/realtime/v1/api/broadcast/kitchen/events/bell?private=true', { n: 3 }, member(1))).status, 202)
    await until(() => heard[1].length === 2, 'broadcast over HTTP to a topic')
    const anon = await stage.client(null)
    const refused = await new Promise((resolve) => anon.channel('kitchen', { config: { private: true } }).subscribe((s, e) => s === 'CHANNEL_ERROR' && resolve(e.message)))
    assert.match(refused, /Unauthorized/)
    stage.sql(`DELETE FROM tenant_memberships WHERE user_id = '${users[1]}'`)
    await until(() => channels[1].state === 'closed', 'a member who was removed leaves the room')
    stage.sql(`INSERT INTO tenant_memberships VALUES ('${tenants[1]}', '${users[1]}')`)
    for (const client of [...clients, anon]) await client.disconnect()
  })

  test('the functions of the guide answer as they are described there', async () => {
    const collect = await stage.post('/functions/v1/realtime-metrics-collection?action=collect_metrics',
      { tenantId: tenants[0], connectionId: 'conn_abc123', subscriptionType: 'orders', metrics: { messagesReceived: 150, messagesSent: 25, avgResponseTime: 340, errorCount: 2, retryCount: 1, bytesTransferred: 45670 }, healthData: { cpuUsage: 15.5, memoryUsage: 234.7, connectionCount: 5 } }, member(0))
    assert.equal(collect.status, 200)
    assert.ok((await collect.json()).healthScore > 0)
    const inBody = await stage.post('/realtime-metrics-collection', { action: 'collect_metrics', tenantId: tenants[0], connectionId: 'c', subscriptionType: 'orders', metrics: { messagesReceived: 1 } }, member(0))
    assert.equal(inBody.status, 200)
    const health = await stage.post('/realtime-metrics-collection?action=health_check', { tenantId: tenants[0], subscriptionTypes: ['orders'], performDiagnostics: true }, member(0))
    assert.equal((await health.json()).tenantId, tenants[0])
    const event = await stage.post(`/widget-realtime-enhanced?action=track_event&tenant_id=${tenants[0]}`, { eventType: 'opened' }, member(0), { 'x-connection-id': 'conn_9' })
    assert.equal(event.status, 200)
    assert.equal(stage.sql(`SELECT connection_id FROM realtime_subscription_events WHERE event_type = 'opened'`), 'conn_9')
    const batch = () => stage.post(`/functions/v1/widget-realtime-enhanced?action=process_batch&tenant_id=${tenants[0]}`, { items: [{ type: 'subscribe', data: { channelName: 'orders_live' } }] }, member(0), { 'x-batch-id': 'batch_1', 'x-connection-id': 'conn_9' })
    const [first, second] = [await (await batch()).json(), await (await batch()).json()]
    assert.equal(first.status, 'completed')
    assert.deepEqual(first, second)
    assert.equal((await stage.post(`/widget-realtime-enhanced?action=get_status&tenant_id=${tenants[0]}`, {}, member(0))).status, 200)
    assert.equal((await stage.post('/realtime-metrics-collection?action=get_metrics', { tenantId: tenants[0] }, member(0))).status, 200)
  })

  test('errors of functions are JSON with a status that tells the kind', async () => {
    const status = async (path, body, bearer) => { const answer = await stage.post(path, body, bearer); const json = await answer.json(); assert.ok(json.error && json.message && json.requestId, JSON.stringify(json)); return answer.status }
    const collect = '/realtime-metrics-collection?action=collect_metrics'
    assert.equal(await status(collect, 'not json', member(0)), 400)
    assert.equal(await status(collect, { tenantId: 'x' }, member(0)), 400)
    assert.equal(await status(collect, { tenantId: tenants[0] }, undefined), 401)
    assert.equal(await status(collect, { tenantId: tenants[1], connectionId: 'c', subscriptionType: 's', metrics: {} }, member(0)), 403)
    assert.equal(await status('/realtime-metrics-collection?action=drop_table', {}, member(0)), 400)
    assert.equal(await status('/nowhere', {}, member(0)), 404)
    assert.equal(await status(collect, { tenantId: tenants[0] }, token({ role: 'postgres', sub: users[0] })), 403)
    assert.equal(await status(collect, JSON.stringify({ x: 'y'.repeat(2_000_000) }), member(0)), 413)
    assert.equal((await fetch(stage.url + collect, { headers: { authorization: `Bearer ${member(0)}` } })).status, 405)
  })

  test('browsers may ask first, and large answers are compressed', async () => {
    const preflight = await fetch(`${stage.url}/functions/v1/realtime-metrics-collection`, { method: 'OPTIONS', headers: { origin: 'https://app.example', 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization, content-type' } })
    assert.equal(preflight.status, 204)
    assert.equal(preflight.headers.get('access-control-allow-origin'), '*')
    const metrics = await stage.get('/metrics')
    assert.equal(metrics.headers.get('content-encoding'), 'gzip')
    assert.match(await metrics.text(), /^pg_realtimed_ready 1$/m)
    // Names of tenants only for those who may see all of them.
    const client = await stage.client(0)
    await stage.subscribe(client, [{ event: '*', table: 'orders' }])
    assert.doesNotMatch(await (await stage.get('/metrics')).text(), new RegExp(tenants[0]))
    assert.doesNotMatch(await (await stage.get('/metrics', member(0))).text(), new RegExp(tenants[0]))
    assert.match(await (await stage.get('/metrics', token({ role: 'service_role' }))).text(), new RegExp(`pg_realtimed_tenant_channels.tenant="${tenants[0]}".`))
    await client.disconnect()
  })

  test('more requests than allowed are answered with 429 and when to come back', async () => {
    const answers = await Promise.all(Array.from({ length: 400 }, () => stage.post('/widget-realtime-enhanced?action=nothing', {}, member(0))))
    const refused = answers.filter((a) => a.status === 429)
    assert.ok(refused.length > 50, `${refused.length} refused`)
    assert.equal(refused[0].headers.get('retry-after'), '1')
    await sleep(1500)
  })

  test('whoever floods, joins too often or opens too many channels is stopped with the limit named', async () => {
    const flood = await rawSocket(stage)
    for (let i = 0; i < 300; ++i) flood.push(null, String(i), 'phoenix', 'heartbeat', {})
    assert.deepEqual(await flood.closed, { code: 1008, reason: 'more than 50 messages per second' })
    await until(async () => await stage.metric('pg_realtimed_closed_total{reason="message_limit"}') === 1, 'it is counted')
    const many = await rawSocket(stage)
    for (let i = 0; i < 12; ++i) many.push(String(i), String(i), `realtime:${i}`, 'phx_join', { config: {} })
    const refused = await many.find('phx_reply', (m) => m[4].status === 'error')
    assert.match(refused[4].response.reason, /ChannelRateLimitReached: more than 10 channels/)
    many.close()
  })

  test('garbage costs only its sender', async () => {
    const good = await stage.client(0)
    const channel = await stage.subscribe(good, [{ event: '*', table: 'orders' }])
    for (const frame of ['', '{', '[]', '[1,2,3]', '["1","1","realtime:x"]', 'x'.repeat(1000), '["1","1","realtime:x","phx_join",{"config":{"postgres_changes":[{"since":"x"}]}}]', '["1","1","phoenix","phx_join",{}]', '["1","1","realtime:","phx_join",{}]']) {
      const socket = await rawSocket(stage)
      socket.send(frame)
      socket.send(Buffer.from([3, 255, 255, 255, 255, 255, 1]))
      socket.push(null, '9', 'phoenix', 'heartbeat', {})
      await socket.find('phx_reply', (m) => m[1] === '9')
      socket.close()
    }
    for (const bytes of ['GET / HTTP/9\r\n\r\n', 'POST /x HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n', '\0\0\0\0', 'GET /realtime/v1/websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n']) {
      const answer = await new Promise((resolve) => { const socket = net.connect(stage.port, '127.0.0.1', () => socket.write(bytes)); let text = ''; socket.on('data', (d) => { text += d }); socket.on('close', () => resolve(text)); socket.on('error', () => resolve(text)) })
      assert.match(answer, /^HTTP\/1\.1 (400|505|501|426)/, bytes)
    }
    stage.sql(`INSERT INTO orders VALUES ('${tenants[0]}', 1, 'fine')`)
    await until(() => channel.events.length === 1, 'the others go on')
    await good.disconnect()
    stage.sql('DELETE FROM orders')
  })

  test('a client that reads nothing is closed and told to resume; the others go on', async () => {
    const slow = await rawSocket(stage)
    slow.push('1', '1', 'realtime:a', 'phx_join', { config: { postgres_changes: [{ event: '*', schema: 'public', table: 'orders' }] }, access_token: member(0) })
    await slow.find('system')
    slow.pause()
    const good = await stage.client(0)
    const channel = await stage.subscribe(good, [{ event: 'INSERT', table: 'orders' }])
    for (let round = 0; round < 20; ++round) {
      stage.sql(`INSERT INTO orders SELECT '${tenants[0]}', ${round} * 1000 + i, 'x', 1, repeat('z', 5000) FROM generate_series(1, 100) i`)
      await until(() => channel.events.length === (round + 1) * 100, 'the other client reads meanwhile')
    }
    await until(() => channel.events.length === 2000, 'all changes at the client that reads')
    await until(async () => (await stage.metric('pg_realtimed_closed_total{reason="slow_consumer"}')) === 1, 'slow consumer is counted')
    slow.resume()
    const end = await slow.closed
    assert.ok([1013, 1006].includes(end.code), `closed with ${end.code}`)
    await good.disconnect()
    stage.sql('DELETE FROM orders')
  })

  test('rejoining a topic closes the earlier channel, leaving answers before it closes', async () => {
    const socket = await rawSocket(stage)
    socket.push('1', '1', 'realtime:a', 'phx_join', { config: {} })
    await socket.find('phx_reply')
    socket.push('2', '2', 'realtime:a', 'phx_join', { config: {} })
    await socket.find('phx_reply', (m) => m[1] === '2')
    assert.deepEqual(socket.messages.filter((m) => m[3] === 'phx_close').map((m) => m[0]), ['1'])
    socket.push('2', '3', 'realtime:a', 'phx_leave', {})
    await socket.find('phx_close', (m) => m[0] === '2')
    assert.deepEqual(socket.messages.slice(-2).map((m) => m[3]), ['phx_reply', 'phx_close'])
    socket.close()
  })
})

describe('reports', () => {
  let stage
  before(async () => { stage = await Stage.start({ 'report-interval': 1 }) })
  after(() => stage.stop())

  test('the gateway reports its own connections, so health works without client code', async () => {
    const client = await stage.client(0)
    const channel = await stage.subscribe(client, [{ event: '*', table: 'orders' }])
    stage.sql(`INSERT INTO orders VALUES ('${tenants[0]}', 1, 'counted')`)
    await until(() => channel.events.length === 1, 'event')
    await until(() => stage.sql(`SELECT count(*) FROM realtime_connection_metrics WHERE tenant_id = '${tenants[0]}' AND subscription_type = 'orders' AND total_messages_received > 0`) !== '0', 'report')
    await client.disconnect()
  })
})
