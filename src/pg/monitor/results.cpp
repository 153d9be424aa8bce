// Storing what came of a pass, all of it or all but what cannot be stored.

#include "pg/monitor/results.hpp"

#include <algorithm>
#include <memory>
#include <unordered_set>
#include <vector>

#include "monitor/announcement.hpp"
#include "pg/guard.hpp"
#include "pg/monitor/extension.hpp"
#include "pg/monitor/statement.hpp"
#include "pg/monitor/store.hpp"
#include "pg/monitor/subtransaction.hpp"
#include "pg/owned.hpp"

namespace pg::monitor {

namespace {

Statement note_quarantined{
    "INSERT INTO @extschema@.realtime_quarantine AS q (tenant_id, subscription_type, error, since, tried_at)"
    " SELECT u.a, u.b, u.c, $4, $4 FROM unnest($1, $2, $3) u(a, b, c)"
    " ON CONFLICT (tenant_id, subscription_type) DO UPDATE SET error = excluded.error, tried_at = "
    "excluded.tried_at",
    {"uuid[]", "text[]", "text[]", "timestamptz"}};

Statement forget_quarantined{"DELETE FROM @extschema@.realtime_quarantine q USING unnest($1, $2) u(a, b)"
                             " WHERE q.tenant_id = u.a AND q.subscription_type = u.b",
                             {"uuid[]", "text[]"}};

// A row that somebody else has locked must not keep the whole pass waiting, and many of them must not, either: not in one pass,
// and not those of one tenant in the passes until the next regular check.
constexpr const char* longest_wait_for_locks = "250ms";
constexpr int most_long_waits = 3;
constexpr const char* short_wait_for_locks = "1ms"; // behind these

using Key = core::Engine::Unstored;

struct Failure {
    Key key;
    bool is_new;
    std::string error;
};

struct Work {
    core::Announcement announcement; // of everybody
    std::vector<Key> sound;          // have results, and could be stored so far
    std::vector<Key> tried;          // could not the last time
    std::vector<Key> mended;
    std::vector<Failure> failures;
    int waits = 0; // for locks, in vain

    void gather(Model& model) {
        tried = model.engine->tried();
        core::WatchSet seen;
        const auto add = [&](const core::Tenant* tenant, const core::Watch* watch) {
            if (watch->storable == core::Storable::Yes && seen.insert(watch).second) {
                sound.push_back({const_cast<core::Tenant*>(tenant), const_cast<core::Watch*>(watch)});
            }
        };
        for (const core::Action* action : announcement.states) {
            add(action->tenant, action->watch);
        }
        const auto add_rows = [&](const auto& rows) {
            for (const auto& row : rows) {
                add(row.tenant, row.watch);
            }
        };
        add_rows(model.outgoing->connections);
        add_rows(model.outgoing->buckets);
        add_rows(model.outgoing->sample_buckets);
        add_rows(model.outgoing->positions);
        add_rows(model.outgoing->health);
    }
};

struct Part {
    core::Announcement announcement;
    core::Outgoing outgoing;
};

void lock_table(const char* name, LOCKMODE mode) {
    const Oid table = get_relname_relid(name, extension_schema());
    if (OidIsValid(table)) {
        LockRelationOid(table, mode);
        list_free(find_all_inheritors(table, mode, nullptr));
    }
}

// The tables that are to be written or read, before anything is written. For them a pass waits as long as it has to: whoever
// keeps a table locked keeps it from everybody, and no tenant is to blame. Behind that, only locks of rows are waited for.
void lock_tables(const core::Announcement& announcement, const core::Outgoing& outgoing) {
    const bool opens = !announcement.opened.empty();
    const bool owes = !announcement.owed.empty();
    const struct {
        const char* table;
        bool is_used;
        LOCKMODE mode;
    } uses[] = {
        {"alert_instances", opens || owes || !announcement.ended.empty() || !announcement.escalated.empty(),
         RowExclusiveLock},
        {"alert_states", !announcement.states.empty(), RowExclusiveLock},
        {"notification_outbox", owes, RowExclusiveLock},
        {"realtime_connections", !outgoing.connections.empty(), RowExclusiveLock},
        {"realtime_metric_rollups", !outgoing.buckets.empty(), RowExclusiveLock},
        {"realtime_sample_rollups", !outgoing.sample_buckets.empty(), RowExclusiveLock},
        {"realtime_ingest_positions", !outgoing.positions.empty(), RowExclusiveLock},
        {"realtime_health_status", !outgoing.health.empty(), RowExclusiveLock},
        {"alert_rules", opens, AccessShareLock},
        {"notification_preferences", owes, AccessShareLock},
        {"notification_history", owes, AccessShareLock},
    };
    for (const auto& use : uses) {
        if (use.is_used) {
            lock_table(use.table, use.mode);
        }
    }
}

// In a subtransaction. False when an error of the rows has undone it.
bool write(Work& work, const core::Announcement& announcement, const core::Outgoing& outgoing,
           const metric::Timeline& timeline, bool waits, ErrorData** error) {
    const bool waits_long = waits && work.waits < most_long_waits;
    *error = in_subtransaction(is_error_of_rows, [&] {
        with_lock_timeout(waits_long ? longest_wait_for_locks : short_wait_for_locks, [&] {
            write_announcement(announcement, timeline);
            write_outgoing(outgoing, timeline);
        });
    });
    if (*error != nullptr && (*error)->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE) {
        work.waits += 1;
    }
    return *error == nullptr;
}

// The results of these keys, all of tenants of one kind; by halves when they cannot be stored together, so that only those fail
// that have to.
void write_keys(Model& model, Work& work, const Key* keys, Size count) {
    if (count == 0) {
        return;
    }
    CHECK_FOR_INTERRUPTS();
    MemoryContext before = CurrentMemoryContext;
    MemoryContext context = AllocSetContextCreate(before, "pg_realtime part", ALLOCSET_DEFAULT_SIZES);
    MemoryContextSwitchTo(context);
    auto* part = make_owned<Part>(context);
    guarded([&] {
        core::WatchSet of;
        for (Size index = 0; index < count; ++index) {
            of.insert(keys[index].watch);
        }
        part->announcement = work.announcement.part(of);
        part->outgoing = model.outgoing->part(of);
    });
    ErrorData* error = nullptr;
    const bool done = write(work, part->announcement, part->outgoing, model.engine->timeline(),
                            !keys->tenant->kept_waiting, &error);
    guarded([&] {
        if (done) {
            part->outgoing.stored();
        } else if (count == 1) {
            const bool is_new = keys->watch->storable == core::Storable::Yes;
            work.failures.push_back({*keys, is_new, error->message});
            keys->tenant->kept_waiting |= error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE;
            core::Engine::quarantine(*keys->watch);
        }
    });
    MemoryContextSwitchTo(before);
    MemoryContextDelete(context);
    if (!done && count > 1) {
        write_keys(model, work, keys, count / 2);
        write_keys(model, work, keys + count / 2, count - count / 2);
    }
}

void write_all(Model& model, Work& work) {
    Size patient = 0; // the first ones are worth waiting for
    guarded([&] {
        patient = static_cast<Size>(std::partition(work.sound.begin(), work.sound.end(),
                                                   [](const Key& key) { return !key.tenant->kept_waiting; }) -
                                    work.sound.begin());
    });
    if (work.tried.empty() && patient == work.sound.size()) {
        ErrorData* error = nullptr;
        if (write(work, work.announcement, *model.outgoing, model.engine->timeline(), true, &error)) {
            guarded([&] { model.outgoing->stored(); });
            return;
        }
        FreeErrorData(error);
    }
    write_keys(model, work, work.sound.data(), patient);
    write_keys(model, work, work.sound.data() + patient, work.sound.size() - patient);
    for (const Key& key : work.tried) {
        write_keys(model, work, &key, 1);
    }
    guarded([&] {
        for (const Key& key : work.tried) {
            if (key.watch->storable == core::Storable::Tried) {
                key.watch->storable = core::Storable::Yes;
                work.mended.push_back(key);
            }
        }
    });
}

void push_key(Column& tenants, Column& subscriptions, const Key& key) {
    push_uuid(tenants, key.tenant->id.bytes.data());
    push_text(subscriptions, key.watch->subscription_type.data(), key.watch->subscription_type.size());
}

void note_failures(const Work& work, TimestampTz now) {
    Column tenants = make_column_of(UUIDOID, work.failures.size());
    Column subscriptions = make_column_of(TEXTOID, work.failures.size());
    Column errors = make_column_of(TEXTOID, work.failures.size());
    const Failure* first = nullptr;
    int count = 0;
    for (const Failure& failure : work.failures) {
        push_key(tenants, subscriptions, failure.key);
        push_text(errors, failure.error.data(), failure.error.size());
        first = first == nullptr && failure.is_new ? &failure : first;
        count += failure.is_new ? 1 : 0;
    }
    Datum arguments[] = {array_of(tenants), array_of(subscriptions), array_of(errors),
                         TimestampTzGetDatum(now)};
    run(note_quarantined, arguments, nullptr, false);
    if (first != nullptr) {
        pg_uuid_t id;
        memcpy(id.data, first->key.tenant->id.bytes.data(), UUID_LEN);
        const char* tenant = DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&id)));
        ereport(LOG,
                (errmsg("pg_realtime does not judge subscription \"%s\" of tenant %s because its results "
                        "cannot be stored: %s",
                        first->key.watch->subscription_type.c_str(), tenant, first->error.c_str()),
                 count > 1 ? errdetail("%d subscriptions are quarantined since this pass.", count) : 0,
                 errhint("Each regular check tries again; table realtime_quarantine shows the errors.")));
    }
}

void note_mended(const Work& work) {
    Column tenants = make_column_of(UUIDOID, work.mended.size());
    Column subscriptions = make_column_of(TEXTOID, work.mended.size());
    for (const Key& key : work.mended) {
        push_key(tenants, subscriptions, key);
    }
    Datum arguments[] = {array_of(tenants), array_of(subscriptions)};
    run(forget_quarantined, arguments, nullptr, false);
}

// Decisions about them were not stored: what their alerts are is in the tables.
void reload_failed(Model& model, Work& work) {
    auto* tenants = make_owned<std::vector<core::Uuid>>(CurrentMemoryContext);
    guarded([&] {
        std::unordered_set<core::Uuid, core::UuidHash> seen;
        for (const Failure& failure : work.failures) {
            if (seen.insert(failure.key.tenant->id).second) {
                tenants->push_back(failure.key.tenant->id);
            }
        }
    });
    for (const core::Uuid& tenant : *tenants) {
        PushActiveSnapshot(GetTransactionSnapshot());
        reload_configuration(model, &tenant);
        PopActiveSnapshot();
    }
}

} // namespace

bool waits_to_be_tried(const Model& model) {
    bool any = false;
    guarded([&] { any = !model.engine->tried().empty(); });
    return any;
}

void store_results(Model& model) {
    MemoryContext before = CurrentMemoryContext;
    MemoryContext context = AllocSetContextCreate(before, "pg_realtime results", ALLOCSET_DEFAULT_SIZES);
    MemoryContextSwitchTo(context);
    auto* work = make_owned<Work>(context);
    build_announcement(model, work->announcement);
    guarded([&] { work->gather(model); });
    lock_tables(work->announcement, *model.outgoing);
    write_all(model, *work);
    if (!work->failures.empty()) {
        note_failures(*work, model.engine->timeline().wall());
    }
    if (!work->mended.empty()) {
        note_mended(*work);
    }
    guarded([&] { model.outgoing->finish(*model.engine); });
    if (!work->failures.empty()) {
        reload_failed(model, *work);
    }
    MemoryContextSwitchTo(before);
    MemoryContextDelete(context);
}

} // namespace pg::monitor
