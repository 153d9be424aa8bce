// The database is reached through TLS.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import tls from 'node:tls'
import { test } from 'node:test'
import { Stage, assert, member, tenants, until } from './support.mjs'

// Takes the encryption off, as a pooler in front of a server does. Records are as large as they may be, 16 kB.
async function encrypted(target) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pg_realtime_tls.'))
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-keyout', `${folder}/key`, '-out', `${folder}/certificate`], { stdio: 'ignore' })
  const identity = { key: fs.readFileSync(`${folder}/key`), cert: fs.readFileSync(`${folder}/certificate`) }
  fs.rmSync(folder, { recursive: true })
  const server = net.createServer((near) => {
    near.on('error', () => {})
    near.once('data', () => { // SSLRequest
      near.write('S')
      const plain = new tls.TLSSocket(near, { isServer: true, ...identity })
      const far = net.connect(target)
      for (const [from, to] of [[plain, far], [far, plain]]) {
        from.on('error', () => {})
        from.on('close', () => to.destroy())
      }
      plain.pipe(far)
      // Gathered, so that records are full.
      let parts = []
      far.on('data', (part) => {
        if (parts.length === 0) setTimeout(() => { plain.write(Buffer.concat(parts)); parts = [] }, 20)
        parts.push(part)
      })
      server.sessions += 1
    })
  })
  server.sessions = 0
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

test('everything that a TLS record holds is taken at once, however much that is', async () => {
  const server = await encrypted({ path: `${process.env.PGHOST}/.s.PGSQL.${process.env.PGPORT ?? 5432}` })
  const stage = await Stage.start({}, { host: `127.0.0.1 port=${server.address().port} sslmode=require` })
  assert.ok(server.sessions >= 2, 'the slot and the pool are read through TLS')
  const client = await stage.client(0)
  const channel = await stage.subscribe(client, [{ event: '*', table: 'orders' }])
  // One transaction by one: another one would bring the rest of the one before along. Rows are of a size for which libpq's buffer
  // stays as small as it begins.
  let rows = 0
  for (let round = 0; round < 40; ++round) {
    const count = 2 + round % 9
    stage.sql(`INSERT INTO orders SELECT '${tenants[0]}', id, 'new', 1, repeat('x', ${6000 + 37 * round}) FROM generate_series(${rows + 1}, ${rows + count}) id`)
    rows += count
    await until(() => channel.events.length === rows, `${count} rows in round ${round}`)
  }
  assert.deepEqual(channel.events.map((event) => event.new.id), Array.from({ length: rows }, (_, index) => index + 1))
  for (let count = 0; count < 5; ++count) {
    assert.equal((await (await stage.get('/realtime/v1/snapshot?table=orders', member(0))).json()).rows?.length, rows)
  }
  await client.disconnect()
  await stage.stop()
  server.close()
})
