// --check: what is well, and what is wrong with a hint, without changing anything.
import { test, describe } from 'node:test'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { Stage, assert, secret } from './support.mjs'

const withDatabase = (body) => async () => {
  const stage = await Stage.start()
  try { await body(stage) } finally { await stage.stop() }
}

const slots = (stage) => stage.sql(`SELECT slot_name FROM pg_replication_slots WHERE database = '${stage.database}' ORDER BY 1`)

function check(stage, { user = 'e2e_gateway', database = stage.database, ...settings } = {}) {
  const flags = Object.entries({ slot: `${stage.database}_new`, ...settings }).flatMap(([name, value]) => [`--${name}`, String(value)])
  const ran = spawnSync(process.env.PG_REALTIMED, ['--check', '--database-url', `dbname=${database} user=${user}`, ...flags],
    { encoding: 'utf8', env: { ...process.env, PG_REALTIMED_JWT_SECRET: secret } })
  return { code: ran.status, told: ran.stdout + ran.stderr, wrong: ran.stdout.split('\n').filter((line) => line.startsWith('WRONG: ')) }
}

// Exactly this is wrong, and there is a hint.
function assertWrong(result, what, hint) {
  assert.equal(result.code, 1, result.told)
  assert.equal(result.wrong.length, 1, result.told)
  assert.match(result.told, what)
  assert.match(result.told, hint)
}

describe('--check', () => {
  test('a database that is ready is so, and stays as it is', withDatabase(async (stage) => {
    const fresh = check(stage)
    assert.equal(fresh.code, 0, fresh.told)
    assert.deepEqual(fresh.wrong, [])
    for (const line of ['there are keys for tokens: 1', 'wal_level is logical', 'role "e2e_gateway" may replicate', 'role "e2e_gateway" has the rights of realtime_gateway',
      'role "e2e_gateway" may act as "realtime_writer" for tokens of role "authenticated"', 'publication "pg_realtime" exists', 'the server takes pg_realtime as an output plugin', `slot "${stage.database}_new" can be made`, 'a replication connection can be made']) {
      assert.ok(fresh.told.includes(`ok: ${line}\n`), `${line} is missing: ${fresh.told}`)
    }
    assert.match(fresh.told, /note: registered tables: 2\n/)
    assert.equal(slots(stage), stage.database, 'no slot was made')
    const running = check(stage, { slot: stage.database })
    assert.equal(running.code, 0, running.told)
    assert.match(running.told, /is ours, and read by process \d+ now/)
  }))

  test('roles that the gateway may not take, or that do not exist', withDatabase(async (stage) => {
    stage.sql('DROP ROLE IF EXISTS e2e_other; CREATE ROLE e2e_other')
    try {
      assertWrong(check(stage, { roles: 'authenticated=realtime_writer,editor=e2e_other' }),
        /WRONG: role "e2e_gateway" may not act as "e2e_other" for tokens of role "editor"/, /GRANT "e2e_other" TO "e2e_gateway";/)
      if (Number(stage.sql('SHOW server_version_num')) >= 160000) {
        stage.sql('GRANT e2e_other TO e2e_gateway WITH SET FALSE')
        assertWrong(check(stage, { roles: 'editor=e2e_other' }), /may not act as "e2e_other"/, /GRANT "e2e_other"/)
      }
      stage.sql('GRANT e2e_other TO e2e_gateway')
      assert.equal(check(stage, { roles: 'editor=e2e_other' }).code, 0)
    } finally { stage.sql('DROP ROLE e2e_other') }
    assertWrong(check(stage, { roles: 'editor=No Such' }), /WRONG: role "No Such" for tokens of role "editor" does not exist/, /CREATE ROLE "No Such"/)
  }))

  test('a login role without rights is told which it needs', withDatabase(async (stage) => {
    stage.sql('DROP ROLE IF EXISTS e2e_nobody; CREATE ROLE e2e_nobody LOGIN')
    try {
      const { code, told, wrong } = check(stage, { user: 'e2e_nobody' })
      assert.equal(code, 1)
      for (const hint of ['ALTER ROLE "e2e_nobody" REPLICATION;', 'GRANT realtime_gateway TO "e2e_nobody";', 'GRANT "realtime_writer" TO "e2e_nobody";', 'GRANT "realtime_reader" TO "e2e_nobody";']) {
        assert.ok(told.includes(`\n    ${hint}\n`), `${hint} is missing: ${told}`)
      }
      assert.ok(wrong.some((line) => line.startsWith('WRONG: a replication connection cannot be made: ')), told)
    } finally { stage.sql('DROP ROLE e2e_nobody') }
  }))

  test('an output plugin that the server does not list', withDatabase(async (stage) => {
    const listed = stage.sql("SELECT setting FROM pg_settings WHERE name = 'output_plugin_libraries'")
    if (listed === '') return // this server takes every one
    stage.sql(`DROP ROLE IF EXISTS e2e_unlisted; CREATE ROLE e2e_unlisted LOGIN REPLICATION; GRANT realtime_gateway, realtime_reader, realtime_writer TO e2e_unlisted;
      ALTER ROLE e2e_unlisted SET output_plugin_libraries = 'pgoutput, test_decoding'`)
    try {
      assertWrong(check(stage, { user: 'e2e_unlisted' }), /WRONG: the server does not take pg_realtime as an output plugin: .*pg_realtime/, /output_plugin_libraries = 'pgoutput, test_decoding, pg_realtime'/)
      assert.equal(slots(stage), stage.database, 'no slot was made')
    } finally { stage.sql('DROP ROLE e2e_unlisted') }
  }))

  test('a membership that does not give its rights is mended by what is said of it', withDatabase(async (stage) => {
    const since16 = Number(stage.sql('SHOW server_version_num')) >= 160000
    stage.sql(`DROP ROLE IF EXISTS e2e_heir; CREATE ROLE e2e_heir LOGIN REPLICATION NOINHERIT; GRANT realtime_gateway, realtime_reader, realtime_writer TO e2e_heir;
      ${since16 ? 'GRANT realtime_gateway TO e2e_heir WITH INHERIT FALSE; GRANT realtime_writer TO e2e_heir WITH SET FALSE' : ''}`)
    try {
      const told = check(stage, { user: 'e2e_heir' })
      assert.equal(told.code, 1)
      assert.match(told.told, /WRONG: role "e2e_heir" is a member of realtime_gateway, but does not inherit its rights/)
      // Hints that are statements, word for word.
      const statements = told.told.split('\n').filter((line) => /^ {4}(GRANT|ALTER) /.test(line)).map((line) => line.trim())
      assert.equal(statements.length, since16 ? 2 : 1, told.told)
      stage.sql(statements.join('\n'))
      assert.equal(check(stage, { user: 'e2e_heir' }).code, 0, statements.join())
    } finally { stage.sql('DROP ROLE e2e_heir') }
  }))

  test('slots of others, of other databases and of other kinds', withDatabase(async (stage) => {
    const name = `${stage.database}_other`
    const wrongAs = (make, what) => {
      stage.sql(make)
      try { assertWrong(check(stage, { slot: name }), what, /Choose another name with slot/) } finally { stage.sql(`SELECT pg_drop_replication_slot('${name}')`) }
    }
    wrongAs(`SELECT pg_create_logical_replication_slot('${name}', 'pgoutput')`, /is of output plugin "pgoutput", not pg_realtime/)
    wrongAs(`SELECT pg_create_physical_replication_slot('${name}')`, /is a physical one/)
    wrongAs(`SELECT pg_create_logical_replication_slot('${name}', 'pg_realtime', false, true)`, /was made with two_phase/)
    stage.sql(`SELECT pg_create_logical_replication_slot('${name}', 'pg_realtime'); CREATE DATABASE ${name}`)
    try {
      const elsewhere = check(stage, { database: name, slot: name })
      assert.equal(elsewhere.code, 1)
      assert.match(elsewhere.told, /extension pg_realtime is not installed in database/)
      stage.sql(`\\connect ${name}\nSET client_min_messages = warning;\nCREATE EXTENSION pg_realtime; CREATE TABLE one (id int PRIMARY KEY); SELECT realtime_add_table('one', access => 'public')`)
      assertWrong(check(stage, { database: name, slot: name }), new RegExp(`is of database "${stage.database}", not "${name}"`), /Choose another name/)
    } finally { stage.sql(`SELECT pg_drop_replication_slot('${name}');\nDROP DATABASE ${name} WITH (FORCE)`) }
  }))

  test('publications that do not exist', withDatabase(async (stage) => {
    stage.sql('CREATE PUBLICATION "Some, more"')
    assert.equal(check(stage, { publication: 'PG_Realtime, "Some, more"' }).code, 0)
    assertWrong(check(stage, { publication: 'pg_realtime,missing' }), /WRONG: publication "missing" does not exist in database "e2e_/, /CREATE PUBLICATION "missing"/)
    stage.sql('DROP PUBLICATION pg_realtime')
    assertWrong(check(stage), /publication "pg_realtime" does not exist/, /realtime_add_table\(\) makes it/)
  }))

  test('keys, API keys, the dashboard, and a server that is not there', withDatabase(async (stage) => {
    writeFileSync('api.keys', 'short=anon\n')
    assertWrong(check(stage, { 'jwks-file': 'none.json' }), /WRONG: the keys cannot be used: file "none.json" cannot be read: No such file/, /Look at jwt-secret-file/)
    assertWrong(check(stage, { 'api-keys-file': 'api.keys' }), /file "api.keys", line 1: not KEY=ROLE/, /api-keys-file/)
    assertWrong(check(stage, { dashboard: 'nowhere' }), /the dashboard cannot be shown: file "nowhere\/index.html"/, /Setting dashboard names/)
    assertWrong(check(stage, { database: 'x host=/nowhere' }), /the database cannot be reached: .*nowhere/, /Look at database-url/)
  }))
})
