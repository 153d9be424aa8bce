// A gateway that stands: what says so, and what systemd is told as long as it does not.
import { test } from 'node:test'
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { Stage, assert, sleep, until } from './support.mjs'

// systemd's side of NOTIFY_SOCKET, which node has no sockets for.
async function listenAsSystemd(path) {
  rmSync(path, { force: true })
  const listener = spawn('perl', ['-MIO::Socket::UNIX', '-MSocket', '-e',
    '$| = 1; my $s = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die; print "bound\\n"; my $m; while (defined $s->recv($m, 1000)) { print "$m\\n" }', path], { stdio: ['ignore', 'pipe', 'inherit'] })
  listener.said = []
  listener.stdout.on('data', (text) => listener.said.push(...text.toString().trim().split('\n')))
  await until(() => listener.said.includes('bound'), 'the socket is bound')
  return listener
}

test('the loop gives signs of life to systemd, and neither these nor an answer of /healthz while it stands', async () => {
  const systemd = await listenAsSystemd(`${process.cwd()}/notify`)
  Object.assign(process.env, { NOTIFY_SOCKET: `${process.cwd()}/notify`, WATCHDOG_USEC: '400000' })
  let stage
  try {
    stage = await Stage.start()
  } finally {
    delete process.env.NOTIFY_SOCKET
    delete process.env.WATCHDOG_USEC
  }
  const signs = () => systemd.said.filter((text) => text === 'WATCHDOG=1').length
  const alive = async () => {
    try {
      return (await fetch(stage.url + '/healthz', { signal: AbortSignal.timeout(2000) })).status
    } catch { return 'no answer' }
  }
  await until(() => signs() >= 3, 'signs of life')
  assert.ok(systemd.said.includes('READY=1'))
  assert.equal(await alive(), 200)
  stage.process.kill('SIGSTOP')
  await sleep(200)
  const before = signs()
  assert.equal(await alive(), 'no answer', 'the probe fails by its own time limit')
  assert.equal(signs(), before)
  stage.process.kill('SIGCONT')
  await until(() => signs() > before, 'signs of life again')
  assert.equal(await alive(), 200)
  await stage.stop()
  assert.ok(systemd.said.includes('STOPPING=1'))
  systemd.kill()
})
