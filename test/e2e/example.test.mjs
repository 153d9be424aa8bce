// The example of docs/gateway.md, as it stands there.
import { test } from 'node:test'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { Stage, anonymous, assert, member, sleep, tenants, until } from './support.mjs'

// Runs `use` beside the example, whose output stands in .out (rows) and .notices.
async function withExample(token, use) {
  const stage = await Stage.start()
  const example = { out: '', notices: '' }
  const child = spawn(process.execPath, ['--import', './websocket.mjs', 'example.mjs', stage.url, anonymous, token], { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.on('data', (text) => { example.out += text })
  child.stderr.on('data', (text) => { example.notices += text })
  const closed = new Promise((resolve) => child.on('close', resolve))
  try {
    await use(stage, example)
  } finally {
    child.kill()
    await closed
    await stage.stop()
  }
}
const live = (example) => until(() => /ok Subscribed to PostgreSQL/.test(example.notices), 'subscribed', () => example.notices)
const rows = (example) => example.out.split('\n').slice(0, -1).map((line) => /^(\w+) (.*)$/.exec(line).slice(1)).map(([event, row]) => [event, JSON.parse(row)])

test('the example of the documentation shows its tenant and nothing else, and which row a DELETE removed', () => withExample(member(0), async (stage, example) => {
  await live(example)
  stage.sql(`INSERT INTO orders VALUES ('${tenants[1]}', 1, 'theirs'), ('${tenants[0]}', 2, 'ours'), ('${tenants[1]}', 3, 'theirs'); DELETE FROM orders WHERE id = 2`)
  await until(() => rows(example).length === 2, 'two lines')
  assert.deepEqual(rows(example).map(([event, row]) => [event, row.tenant_id, row.id, row.status]), [['INSERT', tenants[0], 2, 'ours'], ['DELETE', tenants[0], 2, undefined]])
}))

test('the example says why its join is refused', () => withExample(anonymous, async (stage, example) => {
  await until(() => /CHANNEL_ERROR .*Unauthorized: table public\.orders is for members of a tenant/.test(example.notices), 'reason', () => example.notices)
}))

test('the example loses no row and no order when the gateway is killed while rows are written', () => withExample(member(0), async (stage, example) => {
  await live(example)
  let last = 0, writing = true
  const writer = (async () => {
    while (writing) {
      stage.sql(`INSERT INTO orders SELECT '${tenants[0]}', i, 'row' FROM generate_series(${last + 1}, ${last + 5}) i`)
      last += 5
      await sleep(10)
    }
  })()
  const ids = () => rows(example).map(([, row]) => row.id)
  for (let round = 0; round < 2; ++round) {
    const before = last
    await until(() => ids().some((id) => id > before), 'rows come', () => example.notices)
    await stage.stopGateway('SIGKILL')
    const missed = last
    await until(() => last > missed + 20, 'rows are written meanwhile')
    await stage.startGateway()
  }
  writing = false
  await writer
  await until(() => ids().at(-1) === last, 'the last row', () => example.notices)
  // Repetitions carry the same values; what is new comes in order.
  const first = ids().filter((id, index, all) => all.indexOf(id) === index)
  assert.deepEqual(first, Array.from({ length: last }, (_, index) => index + 1))
  assert.doesNotMatch(example.notices, /read the table again/)
}))

test('the documentation shows the example as it is', { skip: !process.env.PROJECT && 'the documentation is not here' }, () => {
  const shown = /```js\n([\s\S]*?)```/.exec(readFileSync(`${process.env.PROJECT}/docs/gateway.md`, 'utf8'))[1]
  assert.equal(shown, readFileSync('example.mjs', 'utf8'))
})
