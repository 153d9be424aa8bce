#include "pg/row_filter.hpp"

namespace pg {

RowFilter* make_row_filter(const Publishing& publishing, Relation published) {
    bool any = false;
    for (const bool unfiltered : publishing.unfiltered) {
        any = any || !unfiltered;
    }
    if (!any) {
        return nullptr;
    }
    auto* filter = static_cast<RowFilter*>(palloc0(sizeof(RowFilter)));
    TupleDesc descriptor = CreateTupleDescCopyConstr(RelationGetDescr(published));
    filter->executor = CreateExecutorState();
    filter->old_slot = MakeSingleTupleTableSlot(descriptor, &TTSOpsVirtual);
    filter->new_slot = MakeSingleTupleTableSlot(descriptor, &TTSOpsVirtual);
    for (int index = 0; index < filter_action_count; ++index) {
        if (publishing.unfiltered[index] || publishing.filters[index] == NIL) {
            continue;
        }
        List* filters = publishing.filters[index];
        Node* condition = list_length(filters) > 1
                              ? reinterpret_cast<Node*>(makeBoolExpr(OR_EXPR, filters, -1))
                              : static_cast<Node*>(linitial(filters));
        condition = with_generated_columns(condition, published);
        filter->conditions[index] = ExecPrepareExpr(reinterpret_cast<Expr*>(condition), filter->executor);
    }
    return filter;
}

bool row_passes(RowFilter& filter, FilterAction action, TupleTableSlot* slot, const Datum* values,
                const bool* nulls, const AttrNumber* attribute_map) {
    ExprState* condition = filter.conditions[static_cast<int>(action)];
    if (condition == nullptr) {
        return true;
    }
    ExecClearTuple(slot);
    for (int index = 0; index < slot->tts_tupleDescriptor->natts; ++index) {
        const AttrNumber stored = attribute_map[index];
        slot->tts_isnull[index] = stored == 0 || nulls[stored - 1];
        slot->tts_values[index] = stored == 0 ? static_cast<Datum>(0) : values[stored - 1];
    }
    ExecStoreVirtualTuple(slot);
    ResetPerTupleExprContext(filter.executor);
    ExprContext* context = GetPerTupleExprContext(filter.executor);
    context->ecxt_scantuple = slot;
    bool is_null = false;
    const Datum result = ExecEvalExprSwitchContext(condition, context, &is_null);
    return !is_null && DatumGetBool(result);
}

} // namespace pg
