// Browsers and node from 22 on have it.
import ws from 'ws'

globalThis.WebSocket ??= ws
