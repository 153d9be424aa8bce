// The example of docs/gateway.md, as it stands there.
import { test } from 'node:test'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { Stage, anonymous, assert, member, tenants, until } from './support.mjs'

test('the example of the documentation shows its tenant and nothing else', async () => {
  const stage = await Stage.start()
  try {
    const child = spawn(process.execPath, ['--import', './websocket.mjs', 'example.mjs', stage.url, anonymous, member(0)], { stdio: ['ignore', 'pipe', 'pipe'] })
    let out = '', notices = ''
    child.stdout.on('data', (text) => { out += text })
    child.stderr.on('data', (text) => { notices += text })
    await until(() => /ok Subscribed to PostgreSQL/.test(notices), `subscribed: ${notices}`)
    stage.sql(`INSERT INTO orders VALUES ('${tenants[1]}', 1, 'theirs'), ('${tenants[0]}', 2, 'ours'), ('${tenants[1]}', 3, 'theirs'); DELETE FROM orders WHERE id = 2`)
    await until(() => out.split('\n').length === 3, 'two lines')
    assert.match(out, /^INSERT \{.*"status":"ours".*\}\nDELETE /)
    assert.doesNotMatch(out, /theirs/)
    child.kill()
  } finally {
    await stage.stop()
  }
})

test('the documentation shows the example as it is', { skip: !process.env.PROJECT && 'the documentation is not here' }, () => {
  const shown = /```js\n([\s\S]*?)```/.exec(readFileSync(`${process.env.PROJECT}/docs/gateway.md`, 'utf8'))[1]
  assert.equal(shown, readFileSync('example.mjs', 'utf8'))
})
