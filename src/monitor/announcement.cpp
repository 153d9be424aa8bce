#include "monitor/announcement.hpp"

#include <algorithm>
#include <iterator>

#include "alert/message.hpp"

namespace monitor {

namespace {

bool opens(alert::Event event) {
    return event == alert::Event::Fire || event == alert::Event::FireNoData ||
           event == alert::Event::FireError;
}

const char* kind_of(alert::Event event) {
    return event == alert::Event::FireNoData  ? "no_data"
           : event == alert::Event::FireError ? "error"
                                              : "threshold";
}

} // namespace

std::string message_of(const Action& action, const Announcement::Texts& texts) {
    const alert::Rule& rule = *action.rule;
    const metric::Signal& signal = action.tenant->rules->signals()[rule.condition.slot];
    char tenant[36];
    alert::MessageContext context;
    if (texts.uuid_text != nullptr) {
        texts.uuid_text(action.tenant->id, tenant);
        context.tenant_id = {tenant, sizeof(tenant)};
    }
    context.rule_id = rule.rule_id;
    context.rule_name = rule.name;
    context.subscription_type = action.watch->subscription_type;
    context.severity = alert::name_of(action.state.severity);
    context.status = "firing";
    context.metric = signal.metric == metric::Metric::Custom ? std::string_view(signal.custom)
                                                             : metric::name_of(signal.metric);
    context.value = action.value;
    context.has_value = action.has_value;
    context.threshold = rule.condition.threshold;
    context.upper = rule.condition.upper;
    context.operation = alert::name_of(rule.condition.operation);
    context.window_seconds = signal.window_seconds;
    context.triggered_at = texts.now;
    return rule.message_template.empty() ? alert::default_message(context)
                                         : alert::render(rule.message_template, context);
}

std::size_t Announcement::count_opening(const Engine& engine) {
    std::size_t count = 0;
    for (const Action& action : engine.actions()) {
        count += opens(action.decision.event) ? 1 : 0;
    }
    return count;
}

bool Announcement::is_remembered(const Action& action, metric::Time now) {
    return action.rule != nullptr && !alert::forgettable(*action.rule, action.state, now);
}

void Announcement::build(Engine& engine, const std::vector<Uuid>& ids, const Texts& texts) {
    opened.clear();
    ended.clear();
    escalated.clear();
    owed.clear();
    states.clear();
    std::size_t next_id = 0;
    for (Action& action : engine.actions()) {
        Uuid alert_id = action.alert_id;
        if (opens(action.decision.event)) {
            alert_id = ids.at(next_id++);
            action.alert_id = alert_id;
            Engine::opened(action, alert_id);
            opened.push_back({&action, alert_id, kind_of(action.decision.event), message_of(action, texts)});
        } else if (action.decision.event == alert::Event::Resolve) {
            ended.push_back({&action, alert_id, action.resolution});
        } else if (action.decision.event == alert::Event::Escalate) {
            escalated.push_back({&action, alert_id});
        }
        if (action.decision.resolve_earlier) {
            owed.push_back({&action, action.owed_alert_id, "resolved"});
        }
        switch (action.decision.notification) {
        case alert::Notification::Firing:
            owed.push_back({&action, alert_id, "firing"});
            break;
        case alert::Notification::Resolved:
            owed.push_back({&action, alert_id, "resolved"});
            break;
        case alert::Notification::Escalated:
            owed.push_back({&action, alert_id, "escalated"});
            break;
        case alert::Notification::None:
            break;
        }
        states.push_back(&action);
    }
}

Announcement Announcement::part(const WatchSet& of) const {
    Announcement part;
    const auto take = [&](const auto& rows, auto& into) {
        std::copy_if(rows.begin(), rows.end(), std::back_inserter(into),
                     [&](const auto& row) { return of.contains(row.action->watch); });
    };
    take(opened, part.opened);
    take(ended, part.ended);
    take(escalated, part.escalated);
    take(owed, part.owed);
    std::copy_if(states.begin(), states.end(), std::back_inserter(part.states),
                 [&](const Action* action) { return of.contains(action->watch); });
    return part;
}

} // namespace monitor
