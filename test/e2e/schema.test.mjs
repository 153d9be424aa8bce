// The extension in a schema of its own, as the documents recommend: the gateway finds it there by itself.
import { test, before, after, describe } from 'node:test'
import { Stage, assert, member, rawSocket, tenants, until } from './support.mjs'

describe('the extension in schema realtime', () => {
  let stage
  before(async () => { stage = await Stage.start({ 'report-interval': 1 }, { schema: 'realtime' }) })
  after(() => stage.stop())

  test('changes and snapshots reach their tenant', async () => {
    const socket = await rawSocket(stage)
    socket.push('1', '1', 'realtime:a', 'phx_join', { config: { postgres_changes: [{ event: '*', schema: 'public', table: 'orders' }] }, access_token: member(0) })
    await socket.find('system', (m) => m[4].message === 'Subscribed to PostgreSQL')
    stage.sql(`INSERT INTO orders VALUES ('${tenants[1]}', 1, 'theirs'), ('${tenants[0]}', 1, 'ours')`)
    const [, , , , payload] = await socket.find('postgres_changes')
    assert.equal(payload.data.record.status, 'ours')
    const rows = await (await stage.get('/realtime/v1/snapshot?table=orders', member(0))).json()
    assert.deepEqual(rows.rows.map((row) => row.status), ['ours'])
    socket.close()
  })

  test('functions answer, and the worker judges what they took', async () => {
    stage.sql(`INSERT INTO alert_rules (tenant_id, rule_id, metric, threshold_value, cooldown_minutes) VALUES ('${tenants[0]}', 'slow', 'avg_latency_ms', 100, 0)`)
    const report = { tenantId: tenants[0], connectionId: 'c', subscriptionType: 's', metrics: { messagesReceived: 10, avgResponseTime: 500 } }
    const taken = await stage.post('/functions/v1/realtime-metrics-collection?action=collect_metrics', report, member(0))
    assert.equal(taken.status, 200, await taken.clone().text())
    await until(() => stage.sql(`SELECT count(*) FROM alert_instances WHERE rule_id = 'slow'`) === '1', 'the alert fires')
    const health = await stage.post('/functions/v1/realtime-metrics-collection?action=health_check', { tenantId: tenants[0] }, member(0))
    assert.equal(health.status, 200, await health.clone().text())
  })

  test('its own reports of connections are stored', async () => {
    const socket = await rawSocket(stage)
    socket.push('1', '1', 'realtime:b', 'phx_join', { config: { postgres_changes: [{ event: '*', schema: 'public', table: 'orders' }] }, access_token: member(0) })
    await socket.find('system', (m) => m[4].message === 'Subscribed to PostgreSQL')
    await until(() => Number(stage.sql(`SELECT count(*) FROM realtime_connection_metrics WHERE connection_id <> 'c' AND tenant_id = '${tenants[0]}'`)) > 0, 'a report of the gateway')
    socket.close()
  })
})
