// A network that can fail: passes bytes between a listener and a target until it is told to hold them back or to drop them.
import net from 'node:net'

export class Network {
  // Both addresses are what net.connect and net.listen take: { path } or { port }.
  static async between(listener, target) {
    const network = new Network()
    network.links = new Set()
    network.server = net.createServer((near) => network.link(near, net.connect(target)))
    await new Promise((resolve, reject) => { network.server.once('error', reject); network.server.listen({ host: '127.0.0.1', ...listener }, resolve) })
    return network
  }

  get port() { return this.server.address().port }

  link(near, far) {
    const link = { near, far }
    this.links.add(link)
    for (const [from, to] of [[near, far], [far, near]]) {
      from.on('error', () => {})
      from.on('close', () => { to.destroy(); this.links.delete(link) })
      from.pipe(to)
    }
    if (this.held) this.hold()
  }

  // Nothing passes any more, and nobody is told: what a pulled cable looks like.
  hold() {
    this.held = true
    for (const { near, far } of this.links) { near.unpipe(far); far.unpipe(near); near.pause(); far.pause() }
  }

  // What is under way is lost, and both ends learn of it.
  cut() {
    this.held = false
    for (const { near, far } of this.links) { near.destroy(); far.destroy() }
    this.links.clear()
  }

  close() { this.cut(); this.server.close() }
}
