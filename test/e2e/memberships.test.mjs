// DDL on the table that says who is a member, which is no change of the stream: who was a member gets no rows behind it.
import { test, before, after } from 'node:test'
import { Stage, assert, sleep, tenants, until, users } from './support.mjs'

let stage
before(async () => { stage = await Stage.start() })
after(() => stage.stop())

let orders = 0
const insert = () => { stage.sql(`INSERT INTO orders VALUES ('${tenants[0]}', ${++orders}), ('${tenants[1]}', ${orders})`); return orders }
const noticed = async (ddl) => {
  stage.log = ''
  stage.sql(`SET client_min_messages = warning; ${ddl}`)
  await until(() => /the tenants of all users are asked for again/.test(stage.log), `noticed: ${ddl}`)
}
const watch = async (user) => {
  const client = await stage.client(user)
  const channel = await stage.subscribe(client, [{ event: 'INSERT', table: 'orders' }])
  channel.ids = () => channel.events.map((event) => event.new.id)
  return channel
}
// A row that is inserted again and again arrives in the end, and nothing of it at who is no member.
const arrives = (channel, what) => until(async () => { const id = insert(); await sleep(200); return channel.ids().includes(id) }, what)

for (const [what, ddl, undo] of [
  ['renamed', 'ALTER TABLE tenant_memberships RENAME TO elsewhere', 'ALTER TABLE elsewhere RENAME TO tenant_memberships'],
  ['moved to another schema', 'CREATE SCHEMA other; ALTER TABLE tenant_memberships SET SCHEMA other', 'ALTER TABLE other.tenant_memberships SET SCHEMA public'],
  ['left without its column', 'ALTER TABLE tenant_memberships RENAME COLUMN user_id TO who', 'ALTER TABLE tenant_memberships RENAME COLUMN who TO user_id'],
  ['made unlogged', 'ALTER TABLE tenant_memberships SET UNLOGGED', 'ALTER TABLE tenant_memberships SET LOGGED'],
]) {
  test(`nobody sees rows of tenants while the table of memberships is ${what}, and who was removed meanwhile none behind it`, async () => {
    const removed = await watch(0), stays = await watch(1)
    await arrives(removed, 'rows before')
    await noticed(ddl)
    const [before] = [removed.events.length, stays.events.length]
    insert()
    await sleep(300)
    assert.equal(removed.events.length, before)
    // As the table is called now, in one of its schemas.
    stage.sql(`DO $$ DECLARE t regclass = coalesce(to_regclass('elsewhere'), to_regclass('other.tenant_memberships'), to_regclass('tenant_memberships')); BEGIN
      EXECUTE format('DELETE FROM %s WHERE tenant_id = %L', t, '${tenants[0]}'); END $$`)
    await noticed(undo)
    await arrives(stays, 'rows of who is still a member')
    assert.equal(removed.events.length, before)
    stage.sql(`INSERT INTO tenant_memberships (tenant_id, user_id) VALUES ('${tenants[0]}', '${users[0]}')`)
    await arrives(removed, 'rows of who is a member again')
    for (const channel of [removed, stays]) await channel.socket.disconnect()
  })
}

test('who was a member before the extension was dropped and made anew is none behind it, in another schema as well', async () => {
  const removed = await watch(0), stays = await watch(1)
  await arrives(removed, 'rows before')
  for (const schema of ['public', 'realtime']) {
    stage.log = ''
    stage.sql(`SET client_min_messages = error; BEGIN; DROP EXTENSION pg_realtime CASCADE; CREATE SCHEMA IF NOT EXISTS ${schema}; CREATE EXTENSION pg_realtime SCHEMA ${schema};
      SELECT ${schema}.realtime_add_table('orders'); GRANT USAGE ON SCHEMA ${schema} TO PUBLIC;
      INSERT INTO ${schema}.tenant_memberships (tenant_id, user_id) VALUES ('${tenants[1]}', '${users[1]}'); COMMIT`)
    await until(() => /the tenants of all users are asked for again/.test(stage.log), 'noticed')
    const before = removed.events.length
    await arrives(stays, 'rows of the member')
    assert.equal(removed.events.length, before)
    // Memberships in the new place are followed.
    stage.sql(`DELETE FROM ${schema}.tenant_memberships`)
    const end = stays.events.length
    insert()
    await sleep(300)
    assert.equal(stays.events.length, end)
    stage.sql(`INSERT INTO ${schema}.tenant_memberships (tenant_id, user_id) VALUES ('${tenants[1]}', '${users[1]}')`)
    await arrives(stays, 'rows of who is a member again')
  }
  for (const channel of [removed, stays]) await channel.socket.disconnect()
})
