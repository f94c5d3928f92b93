// SPDX-License-Identifier: Apache-2.0
//
// What the Lua library knows of the engine: the module tracer.core, and the C
// functions that it calls by FFI. Both are in one file, for nobody in C++
// refers to the functions: the linker takes them along with the module.
#include <lua.hpp>
#include <string>

#include "base/log.h"
#include "script/engine.h"
#include "script/sink_options.h"
#include "script/syscalls.h"

namespace tracer::script {
namespace {

constexpr const char* kEngineKey = "tracer.engine";

/// What tracer.core told Lua, and Lua hands back.
Engine& to_engine(void* engine) {
  return *static_cast<Engine*>(engine);
}

}  // namespace

extern "C" {
void tracer_emit(void* engine, const void* bytes, size_t size) {
  to_engine(engine).emit({static_cast<const char*>(bytes), size});
}
void tracer_limit_reached(void* engine) {
  to_engine(engine).limit_reached();
}
void tracer_stop(void* engine, int status) {
  to_engine(engine).stop(status);
}
int tracer_target_add(void* engine, int pid) {
  return to_engine(engine).add_target(pid);
}
int tracer_target_remove(void* engine, int pid) {
  return to_engine(engine).remove_target(pid) ? 1 : 0;
}
size_t tracer_target_list(void* engine, int32_t* out, size_t room) {
  return to_engine(engine).list_targets(out, room);
}
void tracer_target_count(void* engine, int pid, double* processes,
                         double* threads) {
  to_engine(engine).count_target(pid, processes, threads);
}
void tracer_find_numbers(void* engine) {
  to_engine(engine).find_numbers();
}
int tracer_listen(void* engine, int number, const char* address, int port,
                  const char* path, const char* token) {
  return to_engine(engine).listen({.number = static_cast<size_t>(number),
                                   .address = address,
                                   .port = static_cast<uint16_t>(port),
                                   .path = path,
                                   .token = token});
}
void tracer_log_as(int level, int json) {
  log::set_level(static_cast<log::Level>(level));
  log::set_json(json != 0);
}
void tracer_say(int level, const char* text, size_t size) {
  const std::string printable = log::printable({text, size});
  level == 0 ? log::note(printable) : log::warn(printable);
}
size_t tracer_event_room(void* engine, const void* event) {
  return to_engine(engine).event_room(
      static_cast<const events::Header*>(event));
}
size_t tracer_event_json(void* engine, const void* event, char* out) {
  return to_engine(engine).event_json(static_cast<const events::Header*>(event),
                                      out);
}
size_t tracer_event_time(void* engine, const void* event, char* out) {
  return to_engine(engine).event_time(static_cast<const events::Header*>(event),
                                      out);
}
void tracer_process_event(void* engine, const void* event) {
  to_engine(engine).process_record(static_cast<const events::Header*>(event));
}
double tracer_process_text(void* engine, uint32_t pid, uint32_t field) {
  return to_engine(engine).process_text(pid, field);
}
const char* tracer_last_text(void* engine) {
  return to_engine(engine).last_text().data();
}
size_t tracer_last_size(void* engine) {
  return to_engine(engine).last_text().size();
}
uint32_t tracer_map_call(void* engine, uint32_t map, uint32_t op,
                         const void* in, size_t size) {
  return static_cast<uint32_t>(
      to_engine(engine).map_call(map, static_cast<events::MapOp>(op),
                                 {static_cast<const char*>(in), size}));
}
size_t tracer_event_prefix(void* engine, const void* event, char* out) {
  return to_engine(engine).event_prefix(
      static_cast<const events::Header*>(event), out);
}
size_t tracer_now_prefix(void* engine, char* out) {
  return to_engine(engine).now_prefix(out);
}
int tracer_terminal_size(void* engine, uint16_t* rows, uint16_t* columns) {
  return to_engine(engine).terminal_size(rows, columns) ? 1 : 0;
}
void tracer_find_user(void* engine, uint32_t uid) {
  to_engine(engine).find_user(uid);
}
void tracer_find_group(void* engine, uint32_t gid) {
  to_engine(engine).find_group(gid);
}
const char* tracer_syscall_name(uint32_t number) {
  return syscall_name(number);
}
double tracer_open_file(void* engine, const char* path,
                        const tracer_file_options* options) {
  return to_engine(engine).open_file(path, *options);
}
double tracer_open_loki(void* engine, const tracer_loki_options* options) {
  return to_engine(engine).open_loki(*options);
}
double tracer_loki_stream(void* engine, double sink, const char* labels,
                          size_t size) {
  return to_engine(engine).loki_stream(sink, {labels, size});
}
void tracer_write_loki(void* engine, double sink, const void* records,
                       size_t size) {
  to_engine(engine).write_loki(sink, {static_cast<const char*>(records), size});
}
void tracer_sink_stats(void* engine, double sink, double* out) {
  to_engine(engine).sink_stats(sink, out);
}
void tracer_write_file(void* engine, double file, const void* bytes,
                       size_t size) {
  to_engine(engine).write_file(file, {static_cast<const char*>(bytes), size});
}
}

/// Pushes the module tracer.core: where what the library shares with the engine
/// lies, and ready().
void Engine::push_core() {
  lua_pushlightuserdata(lua_, this);
  lua_setfield(lua_, LUA_REGISTRYINDEX, kEngineKey);
  lua_newtable(lua_);
  lua_pushlightuserdata(lua_, this);
  lua_setfield(lua_, -2, "engine");
  lua_pushlightuserdata(lua_, slots_.data());
  lua_setfield(lua_, -2, "slots");
  lua_pushlightuserdata(lua_, counts_.data());
  lua_setfield(lua_, -2, "counts");
  lua_pushcfunction(lua_, ready);
  lua_setfield(lua_, -2, "ready");
}

/// tracer.core.ready(runtime): the runtime presents itself.
int Engine::ready(lua_State* lua) {
  lua_getfield(lua, LUA_REGISTRYINDEX, kEngineKey);
  auto* engine = static_cast<Engine*>(lua_touserdata(lua, -1));
  lua_pop(lua, 1);
  luaL_checktype(lua, 1, LUA_TTABLE);
  lua_pushvalue(lua, 1);
  engine->runtime_ = luaL_ref(lua, LUA_REGISTRYINDEX);
  return 0;
}

}  // namespace tracer::script
