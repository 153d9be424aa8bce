// Who waits for whom, when the database is slow: functions of one user neither for joins nor for all of another's.
import { test, before, after, describe } from 'node:test'
import { Stage, assert, lock, member, tenants, token, until } from './support.mjs'

for (const connections of [2, 4]) {
  describe(`a pool of ${connections}`, () => {
    const many = 30
    let stage
    before(async () => { stage = await Stage.start({ 'pool-size': connections, 'query-timeout': 8000 }) })
    after(() => stage.stop())

    test('slow requests of one user hold up no join and no turn of another', async (context) => {
      const release = await lock(stage, 'orders', context)
      const ends = []
      const slow = Array.from({ length: many }, async () => { const answer = await stage.get('/realtime/v1/snapshot?table=orders', member(0)); ends.push(answer.status) })
      await until(async () => await stage.metric('pg_realtimed_database_requests{state="waiting"}') === many - Math.max(1, connections - 2), 'connections are left free')
      const client = await stage.client(1)
      await stage.subscribe(client, [{ event: '*', table: 'orders' }])
      assert.deepEqual(ends, [], 'the join did not wait for any of them')
      // A request of the other user waits for a connection, but not for all that were there before.
      assert.equal((await stage.get('/realtime/v1/snapshot?table=plans', member(1))).status, 200)
      assert.ok(ends.length < 2 * connections, `${ends.length} went first`)
      assert.ok(ends.every((status) => status === 504), ends.join())
      await release()
      await Promise.all(slow)
      assert.ok(ends.filter((status) => status === 200).length > many / 2, 'what had waited is answered')
      await client.disconnect()
    })
  })
}

test('a pool of one connection serves look-ups and functions', async () => {
  const stage = await Stage.start({ 'pool-size': 1 })
  const client = await stage.client(1)
  await stage.subscribe(client, [{ event: '*', table: 'orders' }])
  const answers = await Promise.all(Array.from({ length: 20 }, (_, number) => stage.get('/realtime/v1/snapshot?table=plans', member(number % 2))))
  assert.ok(answers.every((answer) => answer.status === 200))
  await client.disconnect()
  await stage.stop()
})

test('twenty calls of a user, or of the users of one tenant, that wait for a lock hold up no call of another tenant', async (context) => {
  const stage = await Stage.start({ 'query-timeout': 9000 })
  const other = 'aaaaaaaa-0000-4000-8000-000000000003'
  stage.sql(`INSERT INTO tenant_memberships (tenant_id, user_id) VALUES ('${tenants[0]}', '${other}')`)
  const release = await lock(stage, 'realtime_connection_metrics, orders', context)
  const collect = (bearer) => stage.post('/functions/v1/realtime-metrics-collection?action=collect_metrics', { tenantId: tenants[0], subscriptionType: 'orders', connectionId: 'c', metrics: { messagesReceived: 1 } }, bearer)
  const colleague = token({ role: 'authenticated', sub: other })
  const slow = [...Array.from({ length: 20 }, () => collect(member(0))), ...Array.from({ length: 20 }, () => collect(colleague))]
  await until(async () => await stage.metric('pg_realtimed_database_requests{state="running"}') === 2, 'the tenant has its share')
  const began = Date.now()
  assert.equal((await stage.get('/realtime/v1/snapshot?table=plans', member(1))).status, 200)
  assert.ok(Date.now() - began < 4000, `${Date.now() - began} ms`)
  await release()
  assert.ok((await Promise.all(slow)).every((answer) => answer.status === 200 || answer.status === 504))
  await stage.stop()
})
