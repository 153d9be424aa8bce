// The server is found by names of hosts.
import { test } from 'node:test'
import { spawn } from 'node:child_process'
import { Stage, assert, member, secret, tenants, until } from './support.mjs'
import { Network } from './network.mjs'

const nowhere = 'nowhere.invalid' // never a host

test('a name is looked up, and one that does not exist leaves the others', async () => {
  // The tests' server has only a Unix socket.
  const network = await Network.between({ port: 0 }, { path: `${process.env.PGHOST}/.s.PGSQL.${process.env.PGPORT}` })
  const stage = await Stage.start({}, { host: `${nowhere},localhost port=${network.port}` })
  const client = await stage.client(0)
  const channel = await stage.subscribe(client, [{ event: '*', table: 'orders' }])
  stage.sql(`INSERT INTO orders VALUES ('${tenants[0]}', 1, 'found')`)
  await until(() => channel.events.length === 1, 'changes come')
  network.cut()
  stage.sql(`INSERT INTO orders VALUES ('${tenants[0]}', 2, 'found again')`)
  await until(() => channel.events.length === 2, 'the name is looked up again')
  await client.disconnect()
  await stage.stop()
  network.close()
})

test('a host that does not answer at all does not keep from the others', async () => {
  const server = { path: `${process.env.PGHOST}/.s.PGSQL.${process.env.PGPORT}` }
  const networks = [await Network.between({ port: 0 }, server), await Network.between({ port: 0 }, server)]
  const stage = await Stage.start({}, { host: `127.0.0.1,127.0.0.1 port=${networks.map((network) => network.port)}` })
  const client = await stage.client(0)
  const channel = await stage.subscribe(client, [{ event: '*', table: 'orders' }])
  networks[0].cut()
  networks[0].hold()
  await until(() => /could not be made in time/.test(stage.log), 'the first one does not answer')
  stage.sql(`INSERT INTO orders VALUES ('${tenants[0]}', 1, 'by the other one')`)
  await until(() => channel.events.length === 1, 'the other one is tried')
  await until(async () => (await stage.get('/realtime/v1/snapshot?table=orders', member(0))).status === 200, 'and for questions')
  await client.disconnect()
  networks[0].cut()
  await stage.stop()
  for (const network of networks) network.close()
})

test('a host that cannot be found is named', async () => {
  const run = spawn(process.env.PG_REALTIMED, ['--database-url', `host=${nowhere}`, '--listen', '127.0.0.1:0'], { env: { ...process.env, PG_REALTIMED_JWT_SECRET: secret }, stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  run.stderr.on('data', (text) => { log += text })
  const ended = new Promise((resolve) => run.on('exit', (code) => resolve(code)))
  for (const who of ['replication', 'database']) {
    await until(() => log.includes(`${who}: could not translate host name "${nowhere}" to address: `), `${who} names the host`, () => log)
  }
  run.kill('SIGTERM')
  assert.equal(await ended, 0)
})
