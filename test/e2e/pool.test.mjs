// Who waits for whom, when the database is slow: functions of one user neither for joins nor for all of another's.
import { test, before, after, describe } from 'node:test'
import { Stage, assert, lock, member, until } from './support.mjs'

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
      await until(async () => await stage.metric('pg_realtimed_database_requests{state="waiting"}') === many - (connections - 1), 'one connection is left free')
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
