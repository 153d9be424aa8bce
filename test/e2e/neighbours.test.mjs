// Whoever shares an address, and what the gateway says of its own connections.
import { test } from 'node:test'
import net from 'node:net'
import { Stage, assert, connect, member, rawSocket, tenants, token, until, users } from './support.mjs'

const changes = { config: { postgres_changes: [{ event: '*', schema: 'public', table: 'orders' }] } }
const withStage = (settings, body) => async () => { const stage = await Stage.start(settings); try { await body(stage) } finally { await stage.stop() } }

test('tabs with an expired token do not lock out the others of their address', withStage({ proxies: '127.0.0.9', 'connections-per-second-per-address': 20, 'handshake-timeout': 1 }, async (stage) => {
  const expired = token({ role: 'authenticated', sub: users[0], exp: 1 })
  const tabs = await Promise.all(Array.from({ length: 40 }, () => rawSocket(stage, { apikey: expired })))
  for (const tab of tabs) tab.push('1', '1', 'realtime:a', 'phx_join', changes)
  for (const tab of tabs) assert.equal((await tab.closed).code, 1008)
  const others = await Promise.all(Array.from({ length: 10 }, () => rawSocket(stage, { apikey: member(0) })))
  for (const other of others) other.close()
}))

test('requests that never end do not lock out the others of their address', withStage({ proxies: '127.0.0.9', 'connections-per-second-per-address': 20, 'handshake-timeout': 1 }, async (stage) => {
  const slow = Array.from({ length: 40 }, () => connect(stage, 'GET /healthz HTTP/1.1\r\nHost: x\r\n'))
  for (const one of slow) assert.match(await one.ended, /^HTTP\/1\.1 408/)
  const others = await Promise.all(Array.from({ length: 10 }, () => rawSocket(stage, { apikey: member(0) })))
  for (const other of others) other.close()
  assert.deepEqual(await stage.metrics(['pg_realtimed_closed_total{reason="protocol_error"}', 'pg_realtimed_closed_total{reason="idle"}']), [0, 40])
}))

test('who breaks the protocol may come again a second later, however often it was', withStage({ proxies: '127.0.0.9', 'connections-per-second-per-address': 20 }, async (stage) => {
  const answer = (bytes) => new Promise((resolve) => {
    let text = ''
    const socket = net.connect(stage.port, '127.0.0.1', () => socket.write(bytes))
    socket.on('data', (data) => { text += data })
    socket.on('error', () => {})
    socket.on('close', () => resolve(text))
  })
  const answers = await Promise.all(Array.from({ length: 60 }, () => answer('NONSENSE\r\n\r\n')))
  assert.ok(answers.every((one) => one === '' || /^HTTP\/1\.1 (400|503)/.test(one)))
  await until(async () => /^HTTP\/1\.1 200/.test(await answer('GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')), 'the address may come again')
}))

test('reports say how long messages travel, for event streams what they got, and names of tenants only to themselves', withStage({ 'report-interval': 1 }, async (stage) => {
  const socket = await rawSocket(stage, { apikey: member(0) })
  socket.push('1', '1', 'realtime:a', 'phx_join', changes)
  await socket.find('system', (m) => m[4].message === 'Subscribed to PostgreSQL')
  const stream = await stage.get('/realtime/v1/stream?table=orders', member(1))
  assert.equal(stream.status, 200)
  await until(() => stage.sql(`SELECT count(*) FROM realtime_connection_metrics WHERE connection_id LIKE 'conn_%' AND avg_response_time_ms BETWEEN 0 AND 10000 AND last_heartbeat_at <= now()`) > 0, 'a report with the time of a round trip')
  await until(() => stage.sql(`SELECT count(*) FROM realtime_connection_metrics WHERE connection_id LIKE 'sse_%' AND tenant_id = '${tenants[1]}' AND subscription_type = 'orders' AND total_messages_received > 0`) > 0, 'a report of the event stream')
  assert.equal(stage.sql(`SELECT count(*) FROM realtime_connection_metrics WHERE connection_id LIKE 'sse_%' AND tenant_id <> '${tenants[1]}'`), '0')
  assert.equal(await stage.metric('pg_realtimed_reports_failed_total'), 0, 'what is stored has not failed')
  assert.doesNotMatch(stage.log, /reports of connections cannot be stored/)
  await stream.body.cancel()
  socket.close()
}))

test('an event stream has no head of its own, and the lag in time is told', withStage({}, async (stage) => {
  const head = await fetch(stage.url + '/realtime/v1/stream?table=orders', { method: 'HEAD', headers: { authorization: `Bearer ${member(0)}` } })
  assert.equal(head.status, 405)
  assert.equal(head.headers.get('allow'), 'GET')
  const posted = await stage.post('/realtime/v1/stream?table=orders', {}, member(0))
  assert.deepEqual([posted.status, posted.headers.get('allow')], [405, 'GET'])
  const lag = await stage.metric('pg_realtimed_replication_lag_seconds')
  assert.ok(lag >= 0 && lag < 60, `${lag} s`)
}))
