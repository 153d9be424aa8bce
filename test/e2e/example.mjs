import { createClient } from '@supabase/supabase-js'

const [url, key, token] = process.argv.slice(2)
const supabase = createClient(url, key, { accessToken: async () => token })
await supabase.realtime.setAuth()
supabase
  .channel('orders')
  .on('postgres_changes', { event: '*', schema: 'public', table: 'orders' }, (change) => {
    console.log(change.eventType, JSON.stringify(change.new ?? change.old))
  })
  .on('system', {}, (notice) => console.error(notice.status, notice.message))
  .subscribe()
