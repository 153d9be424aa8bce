// The functions of the database over HTTP: what is told when they take long, which id a request has, subscriptions.
import { test, before, after, describe } from 'node:test'
import { Stage, anonymous, assert, lock, member, rawSocket, tenants, until } from './support.mjs'

const collect = '/functions/v1/realtime-metrics-collection?action=collect_metrics'
const report = { tenantId: tenants[0], connectionId: 'c', subscriptionType: 's', metrics: { messagesReceived: 1 } }

describe('a database that is slow', () => {
  let stage
  // One of the connections is not for callers.
  before(async () => { stage = await Stage.start({ 'query-timeout': 5000, 'pool-size': 3 }) })
  after(() => stage.stop())

  const waiting = (count) => until(() => stage.sql(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'e2e_gateway' AND wait_event_type = 'Lock'`) === String(count), `${count} requests wait at the database`)

  test('a function that takes too long is answered with 504, and meanwhile all others are served', async (context) => {
    const [one, two] = [await rawSocket(stage), await rawSocket(stage)]
    for (const socket of [one, two]) {
      socket.push('1', '1', 'realtime:a', 'phx_join', { config: { postgres_changes: [{ event: '*', schema: 'public', table: 'orders' }] }, access_token: member(0) })
      await socket.find('system', (m) => m[4].message === 'Subscribed to PostgreSQL')
    }
    const release = await lock(stage, 'realtime_connection_metrics', context)
    let answered = false
    const slow = stage.post(collect, report, member(0)).finally(() => { answered = true })
    await waiting(1)
    one.push(null, '2', 'phoenix', 'heartbeat', {})
    await one.find('phx_reply', (m) => m[1] === '2')
    one.push('1', '3', 'realtime:a', 'broadcast', { type: 'broadcast', event: 'e', payload: {} })
    await two.find('broadcast')
    stage.sql(`INSERT INTO orders VALUES ('${tenants[0]}', 1)`)
    for (const socket of [one, two]) await socket.find('postgres_changes')
    assert.equal((await stage.get('/healthz')).status, 200)
    assert.equal((await stage.get('/realtime/v1/snapshot?table=orders', member(1))).status, 200, 'another connection to the database is free')
    assert.ok(!answered, 'all that was before the function was answered')
    const answer = await slow
    assert.equal(answer.status, 504)
    const told = await answer.json()
    assert.deepEqual([told.error, told.requestId], ['timeout', answer.headers.get('x-request-id')])
    await release()
    assert.equal((await stage.post(collect, report, member(0))).status, 200, 'its connection is as good as before')
    for (const socket of [one, two]) socket.close()
  })

  test('one caller with many slow requests does not take the places of others', async (context) => {
    const release = await lock(stage, 'realtime_connection_metrics', context)
    const many = Array.from({ length: 130 }, () => stage.post(collect, report, member(0)))
    await waiting(1)
    const first = await Promise.race(many)
    assert.equal(first.status, 503)
    assert.equal(first.headers.get('retry-after'), '1')
    const other = stage.post(collect, { ...report, tenantId: tenants[1] }, member(1))
    await release()
    assert.equal((await other).status, 200)
    const statuses = (await Promise.all(many)).map((answer) => answer.status)
    assert.ok(statuses.filter((status) => status === 200).length >= 100 - 2, statuses.join())
    assert.ok(statuses.every((status) => [200, 503, 504].includes(status)), statuses.join())
  })

  test('the id of a request is the one that the caller gave, or a new one, in header and error', async () => {
    const id = async (path, body, bearer, headers) => {
      const answer = await stage.post(path, body, bearer, headers)
      const told = await answer.json()
      if (answer.status >= 400) assert.equal(told.requestId, answer.headers.get('x-request-id'))
      return answer.headers.get('x-request-id')
    }
    const given = { 'x-request-id': 'mine-42' }
    assert.equal(await id(collect, report, member(0), given), 'mine-42')
    assert.equal(await id(collect, {}, member(0), given), 'mine-42')
    assert.equal(await id(collect, report, undefined, given), 'mine-42')
    assert.equal(await id('/nowhere', {}, undefined, given), 'mine-42')
    const made = [await id(collect, report, member(0)), await id(collect, {}, member(0)), await id(collect, {}, member(0), { 'x-request-id': 'x'.repeat(1000) })]
    assert.equal(new Set(made).size, 3)
    for (const one of made) assert.match(one, /^req_\w+$/)
  })

  test('subscribe and unsubscribe over HTTP are those of the database', async () => {
    const widget = async (action, body, headers = { 'x-connection-id': 'conn_1' }) => {
      const answer = await stage.post(`/functions/v1/widget-realtime-enhanced?action=${action}&tenant_id=${tenants[0]}`, body, member(0), headers)
      return [answer.status, await answer.json()]
    }
    const rows = () => stage.sql(`SELECT string_agg(e.connection_id || ' ' || e.event_type || ' ' || e.channel, ', ' ORDER BY e.occurred_at) FROM realtime_subscription_events e WHERE e.tenant_id = '${tenants[0]}' AND e.connection_id = 'conn_1'`)
    const [status, subscribed] = await widget('subscribe', { channelName: 'orders_live' })
    assert.equal(status, 200, JSON.stringify(subscribed))
    assert.deepEqual([subscribed.connectionId, subscribed.channel], ['conn_1', 'orders_live'])
    assert.ok(subscribed.subscribedAt)
    assert.equal(rows(), 'conn_1 subscribed orders_live')
    assert.deepEqual(await widget('unsubscribe', { channelName: 'orders_live' }), [200, { connectionId: 'conn_1', channel: 'orders_live', wasSubscribed: true }])
    assert.deepEqual(await widget('unsubscribe', { channelName: 'orders_live' }), [200, { connectionId: 'conn_1', channel: 'orders_live', wasSubscribed: false }])
    assert.equal(rows(), 'conn_1 subscribed orders_live, conn_1 unsubscribed orders_live')
    assert.equal((await widget('subscribe', {}))[0], 400)
    assert.equal((await widget('subscribe', { channelName: 'orders_live', tenantId: tenants[1] }))[0], 403)
    assert.equal((await stage.post(`/widget-realtime-enhanced?action=subscribe&tenant_id=${tenants[0]}`, { channelName: 'a' }, anonymous, { 'x-connection-id': 'conn_2' })).status, 403)
  })
})
