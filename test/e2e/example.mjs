import { createClient } from '@supabase/supabase-js'

const [url, key, token] = process.argv.slice(2)
const supabase = createClient(url, key, { accessToken: async () => token })
await supabase.realtime.setAuth()
const channel = supabase.channel('orders')
channel
  .on('postgres_changes', { event: '*', schema: 'public', table: 'orders' }, (change) => {
    const row = change.eventType === 'DELETE' ? change.old : change.new
    console.log(change.eventType, JSON.stringify(row))
  })
  .on('system', {}, (notice) => {
    // The client joins by itself when the connection was lost. With the cursor it gets what it missed.
    if (notice.cursor) channel.updateJoinPayload({ since: notice.cursor })
    if (notice.refetch) console.error('read the table again')
    if (notice.message !== 'cursor') console.error(notice.status, notice.message)
  })
  .subscribe((status, error) => console.error(status, error?.message ?? ''))
