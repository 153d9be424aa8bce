// Writes a frame of whatever kind it is: what read_frame() gives, the other way round.
#pragma once

#include <cstdint>
#include <variant>

#include "wire/frame.hpp"

inline void write_any_frame(wire::ByteBuffer& out, const wire::Frame& frame) {
    struct Writer {
        wire::ByteBuffer& out;
        void operator()(const wire::Hello& hello) const { wire::write_hello(out, hello); }
        void operator()(const wire::Relation& relation) const { wire::write_relation(out, relation); }
        void operator()(const wire::RowChange& change) const { wire::write_change(out, change); }
        void operator()(const wire::TruncateFrame& truncate) const {
            wire::write_truncate(out, truncate.truncate, truncate.relation_ids.data(),
                                 static_cast<std::uint16_t>(truncate.relation_ids.size()));
        }
        void operator()(const wire::Broadcast& broadcast) const { wire::write_broadcast(out, broadcast); }
        void operator()(const wire::Message& message) const { wire::write_message(out, message); }
        void operator()(const wire::Boundary& boundary) const { wire::write_boundary(out, boundary); }
        void operator()(const wire::Progress& progress) const { wire::write_progress(out, progress); }
    };
    std::visit(Writer{out}, frame);
}
