// SPDX-License-Identifier: Apache-2.0
#include "script/engine.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <lua.hpp>
#include <utility>

#include "base/check.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/user.h"
#include "script/syscalls.h"

// What LuaJIT's FFI calls. `engine` is what tracer.core told Lua.
extern "C" {
void tracer_emit(void* engine, const void* bytes, size_t size) {
  static_cast<tracer::script::Engine*>(engine)->emit(
      {static_cast<const char*>(bytes), size});
}
void tracer_limit_reached(void* engine) {
  static_cast<tracer::script::Engine*>(engine)->limit_reached();
}
void tracer_stop(void* engine, int status) {
  static_cast<tracer::script::Engine*>(engine)->stop(status);
}
int tracer_target_add(void* engine, int pid) {
  return static_cast<tracer::script::Engine*>(engine)->add_target(pid);
}
int tracer_target_remove(void* engine, int pid) {
  return static_cast<tracer::script::Engine*>(engine)->remove_target(pid) ? 1
                                                                          : 0;
}
size_t tracer_target_list(void* engine, int32_t* out, size_t room) {
  return static_cast<tracer::script::Engine*>(engine)->list_targets(out, room);
}
void tracer_target_count(void* engine, int pid, double* processes,
                         double* threads) {
  static_cast<tracer::script::Engine*>(engine)->count_target(pid, processes,
                                                             threads);
}
void tracer_find_numbers(void* engine) {
  static_cast<tracer::script::Engine*>(engine)->find_numbers();
}
int tracer_listen(void* engine, int number, const char* address, int port,
                  const char* path, const char* token) {
  return static_cast<tracer::script::Engine*>(engine)->listen(
      {.number = static_cast<size_t>(number),
       .address = address,
       .port = static_cast<uint16_t>(port),
       .path = path,
       .token = token});
}
void tracer_log_as(int level, int json) {
  tracer::log::set_level(static_cast<tracer::log::Level>(level));
  tracer::log::set_json(json != 0);
}
void tracer_say(int level, const char* text, size_t size) {
  const std::string printable = tracer::log::printable({text, size});
  level == 0 ? tracer::log::note(printable) : tracer::log::warn(printable);
}
size_t tracer_event_room(void* engine, const void* event) {
  return static_cast<tracer::script::Engine*>(engine)->event_room(
      static_cast<const tracer::events::Header*>(event));
}
size_t tracer_event_json(void* engine, const void* event, char* out) {
  return static_cast<tracer::script::Engine*>(engine)->event_json(
      static_cast<const tracer::events::Header*>(event), out);
}
size_t tracer_event_time(void* engine, const void* event, char* out) {
  return static_cast<tracer::script::Engine*>(engine)->event_time(
      static_cast<const tracer::events::Header*>(event), out);
}
void tracer_process_event(void* engine, const void* event) {
  static_cast<tracer::script::Engine*>(engine)->process_record(
      static_cast<const tracer::events::Header*>(event));
}
double tracer_process_text(void* engine, uint32_t pid, uint32_t field) {
  return static_cast<tracer::script::Engine*>(engine)->process_text(pid, field);
}
const char* tracer_last_text(void* engine) {
  return static_cast<tracer::script::Engine*>(engine)->last_text().data();
}
size_t tracer_last_size(void* engine) {
  return static_cast<tracer::script::Engine*>(engine)->last_text().size();
}
uint32_t tracer_map_call(void* engine, uint32_t map, uint32_t op,
                         const void* in, size_t size) {
  return static_cast<uint32_t>(
      static_cast<tracer::script::Engine*>(engine)->map_call(
          map, static_cast<tracer::events::MapOp>(op),
          {static_cast<const char*>(in), size}));
}
size_t tracer_event_prefix(void* engine, const void* event, char* out) {
  return static_cast<tracer::script::Engine*>(engine)->event_prefix(
      static_cast<const tracer::events::Header*>(event), out);
}
size_t tracer_now_prefix(void* engine, char* out) {
  return static_cast<tracer::script::Engine*>(engine)->now_prefix(out);
}
int tracer_terminal_size(void* engine, uint16_t* rows, uint16_t* columns) {
  return static_cast<tracer::script::Engine*>(engine)->terminal_size(rows,
                                                                     columns)
             ? 1
             : 0;
}
void tracer_find_user(void* engine, uint32_t uid) {
  static_cast<tracer::script::Engine*>(engine)->find_user(uid);
}
void tracer_find_group(void* engine, uint32_t gid) {
  static_cast<tracer::script::Engine*>(engine)->find_group(gid);
}
const char* tracer_syscall_name(uint32_t number) {
  return tracer::script::syscall_name(number);
}
double tracer_open_file(void* engine, const char* path,
                        const tracer_file_options* options) {
  return static_cast<tracer::script::Engine*>(engine)->open_file(path,
                                                                 *options);
}
double tracer_open_loki(void* engine, const tracer_loki_options* options) {
  return static_cast<tracer::script::Engine*>(engine)->open_loki(*options);
}
double tracer_loki_stream(void* engine, double sink, const char* labels,
                          size_t size) {
  return static_cast<tracer::script::Engine*>(engine)->loki_stream(
      sink, {labels, size});
}
void tracer_write_loki(void* engine, double sink, const void* records,
                       size_t size) {
  static_cast<tracer::script::Engine*>(engine)->write_loki(
      sink, {static_cast<const char*>(records), size});
}
void tracer_sink_stats(void* engine, double sink, double* out) {
  static_cast<tracer::script::Engine*>(engine)->sink_stats(sink, out);
}
void tracer_write_file(void* engine, double file, const void* bytes,
                       size_t size) {
  static_cast<tracer::script::Engine*>(engine)->write_file(
      file, {static_cast<const char*>(bytes), size});
}
}

namespace tracer::script {
namespace {

constexpr const char* kEngineKey = "tracer.engine";

void set_text(lua_State* lua, const char* key, std::string_view value) {
  lua_pushlstring(lua, value.data(), value.size());
  lua_setfield(lua, -2, key);
}

void set_number(lua_State* lua, const char* key, double value) {
  lua_pushnumber(lua, value);
  lua_setfield(lua, -2, key);
}

void set_flag(lua_State* lua, const char* key, bool value) {
  lua_pushboolean(lua, value ? 1 : 0);
  lua_setfield(lua, -2, key);
}

/// The text at the top of the stack, which is taken off.
std::string pop_text(lua_State* lua) {
  size_t size = 0;
  const char* text = lua_tolstring(lua, -1, &size);
  std::string value = text == nullptr ? "" : std::string(text, size);
  lua_pop(lua, 1);
  return value;
}

/// A field of the table at the top of the stack as text. Raw: a script may
/// raise any table, and a metamethod that fails here would end the program.
std::string field_text(lua_State* lua, const char* key) {
  lua_pushstring(lua, key);
  lua_rawget(lua, -2);
  return pop_text(lua);
}

/// Calls `visit` for each element of the list in a field of the table at the
/// top of the stack, with the element on top.
template <typename F>
void each(lua_State* lua, const char* key, F visit) {
  lua_getfield(lua, -1, key);
  if (lua_istable(lua, -1)) {
    const auto count = static_cast<int>(lua_objlen(lua, -1));
    for (int i = 1; i <= count; ++i) {
      lua_rawgeti(lua, -1, i);
      visit();
      lua_pop(lua, 1);
    }
  }
  lua_pop(lua, 1);
}

/// Is this an error that our own library raises for a user: a table with a
/// message, or with the text of --help?
bool is_message(lua_State* lua, int index) {
  if (!lua_istable(lua, index)) {
    return false;
  }
  for (const char* key : {"message", "help"}) {
    lua_pushstring(lua, key);
    lua_rawget(lua, index);
    const bool has_text = lua_type(lua, -1) == LUA_TSTRING;
    lua_pop(lua, 1);
    if (has_text) {
      return true;
    }
  }
  return false;
}

/// Is there a ":LINE:" in a message?
bool has_place(std::string_view text) {
  for (size_t at = text.find(':'); at != text.npos;
       at = text.find(':', at + 1)) {
    const size_t end = text.find_first_not_of("0123456789", at + 1);
    if (end != text.npos && end > at + 1 && text[end] == ':') {
      return true;
    }
  }
  return false;
}

/// Pushes "FILE:LINE: " of the innermost Lua that runs, or nothing.
void push_place(lua_State* lua) {
  lua_Debug frame;
  for (int level = 0; lua_getstack(lua, level, &frame) != 0; ++level) {
    lua_getinfo(lua, "Sl", &frame);
    if (frame.currentline > 0) {
      lua_pushfstring(lua, "%s:%d: ", frame.short_src, frame.currentline);
      return;
    }
  }
  lua_pushliteral(lua, "");
}

/// Pushes what stands for a raised value that is no text: what its __tostring
/// says, or its type.
void push_description(lua_State* lua) {
  if (luaL_getmetafield(lua, 1, "__tostring") != 0) {
    lua_pushvalue(lua, 1);
    if (lua_pcall(lua, 1, 1, 0) == 0 && lua_type(lua, -1) == LUA_TSTRING) {
      return;
    }
    lua_pop(lua, 1);
  }
  lua_pushfstring(lua, "an error that is a %s and no text",
                  luaL_typename(lua, 1));
}

/// Turns whatever was raised into a table with message and traceback; those of
/// our own library pass as they are.
int on_error(lua_State* lua) {
  if (is_message(lua, 1)) {
    return 1;
  }
  lua_newtable(lua);
  const char* text = lua_tostring(lua, 1);
  // A stack overflow has no place, and what was raised with level 0.
  if (text != nullptr && has_place(text)) {
    lua_pushstring(lua, text);
  } else if (text != nullptr) {
    push_place(lua);
    lua_pushstring(lua, text);
    lua_concat(lua, 2);
  } else {
    push_place(lua);
    push_description(lua);
    lua_concat(lua, 2);
  }
  lua_setfield(lua, -2, "message");
  luaL_traceback(lua, lua, nullptr, 1);
  lua_setfield(lua, -2, "traceback");
  return 1;
}

const char* kind_name(events::Kind kind) {
  constexpr std::array kNames = {"int",     "bool",  "char",   "float", "enum",
                                 "pointer", "array", "struct", "union"};
  return kNames[static_cast<size_t>(kind)];
}

/// Pushes the list of a probe's maps, of which the first has this number.
void push_maps(lua_State* lua, const std::vector<events::Map>& maps,
               size_t first) {
  lua_newtable(lua);
  for (size_t i = 0; i < maps.size(); ++i) {
    const events::Map& map = maps[i];
    lua_newtable(lua);
    set_text(lua, "name", map.name);
    set_number(lua, "number", static_cast<double>(first + i));
    set_number(lua, "type", map.type);
    set_number(lua, "key_size", map.key_size);
    set_number(lua, "value_size", map.value_size);
    set_number(lua, "max_entries", map.max_entries);
    if (map.key_type != events::kNoType) {
      set_number(lua, "key_type", map.key_type + 1.0);
    }
    if (map.value_type != events::kNoType) {
      set_number(lua, "value_type", map.value_type + 1.0);
    }
    set_flag(lua, "is_per_cpu", map.is_per_cpu);
    set_number(lua, "values", map.values);
    lua_rawseti(lua, -2, static_cast<int>(i) + 1);
  }
}

std::string quoted_list(const std::string& folder) {
  return folder + "/?.lua;" + folder + "/?/init.lua";
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::create(const Paths& paths, Host host) {
  lua_State* lua = luaL_newstate();
  if (lua == nullptr) {
    return fail("LuaJIT does not start");
  }
  std::unique_ptr<Engine> engine(new Engine(lua, std::move(host)));
  engine->paths_ = paths;
  luaL_openlibs(lua);

  // Modules come from our own library and from beside the script (load()
  // adds that), never from the current directory or the environment.
  lua_getglobal(lua, "package");
  set_text(lua, "path", quoted_list(paths.lua));
  set_text(lua, "cpath", "");
  lua_getfield(lua, -1, "loaded");
  lua_newtable(lua);
  lua_pushlightuserdata(lua, engine.get());
  lua_setfield(lua, -2, "engine");
  lua_pushlightuserdata(lua, engine->slots_.data());
  lua_setfield(lua, -2, "slots");
  lua_pushlightuserdata(lua, engine->counts_.data());
  lua_setfield(lua, -2, "counts");
  lua_pushcfunction(lua, ready);
  lua_setfield(lua, -2, "ready");
  lua_setfield(lua, -2, "tracer.core");
  lua_pop(lua, 2);

  lua_pushlightuserdata(lua, engine.get());
  lua_setfield(lua, LUA_REGISTRYINDEX, kEngineKey);

  lua_getglobal(lua, "require");
  lua_pushliteral(lua, "tracer.runtime");
  if (Result<void> loaded = engine->call(1, 0); !loaded) {
    return tl::unexpected(std::move(loaded).error().context("Lua library"));
  }
  return engine;
}

Engine::~Engine() {
  lua_close(lua_);
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

void Engine::push_runtime(const char* function) {
  lua_rawgeti(lua_, LUA_REGISTRYINDEX, runtime_);
  lua_getfield(lua_, -1, function);
  lua_remove(lua_, -2);
}

/// The one way into Lua: calls the function below its arguments.
Result<void> Engine::call(int arguments, int results) {
  const int handler = lua_gettop(lua_) - arguments;
  lua_pushcfunction(lua_, on_error);
  lua_insert(lua_, handler);
  const int status = lua_pcall(lua_, arguments, results, handler);
  lua_remove(lua_, handler);
  if (status != 0) {
    return tl::unexpected(take_error());
  }
  return {};
}

/// Takes what on_error left.
Error Engine::take_error() {
  Error error{.status = kScriptError};
  if (lua_istable(lua_, -1)) {
    error.message = field_text(lua_, "message");
    error.hint = field_text(lua_, "hint");
    error.detail = field_text(lua_, "traceback");
    if (error.message.empty()) {
      error.message = "an error that is a table";
    }
    lua_pushliteral(lua_, "usage");
    lua_rawget(lua_, -2);
    if (lua_toboolean(lua_, -1) != 0) {
      error.status = kUsage;
    }
    lua_pop(lua_, 2);
  } else {
    // Out of memory, or no stack left even for on_error: nobody knows the line.
    error.message = script_ + ": " + pop_text(lua_);
  }
  return error;
}

Result<Declared> Engine::load(const ScriptFile& script,
                              const std::vector<std::string>& arguments,
                              const std::vector<BaseOption>& base) {
  script_ = script.name;
  Result<std::string> text =
      script.text ? Result<std::string>(*script.text) : read_file(script.path);
  if (!text) {
    return fail_usage(
        "no script " + std::move(text).error().message,
        "a script is a file (with a / or the ending .lua) or the name of one "
        "in " +
            paths_.scripts);
  }
  std::error_code ignored;
  const std::filesystem::path folder =
      std::filesystem::absolute(script.path, ignored).parent_path();
  lua_getglobal(lua_, "package");
  set_text(lua_, "path",
           quoted_list(paths_.lua) + ";" + quoted_list(folder.string()));
  lua_pop(lua_, 1);

  push_runtime("load");
  lua_newtable(lua_);
  set_text(lua_, "path", script.path);
  set_text(lua_, "script", script.name);
  set_text(lua_, "usage", script.usage);
  set_text(lua_, "text", *text);
  set_text(lua_, "probes", paths_.probes);
  set_text(lua_, "library", paths_.lua);
  set_text(lua_, "cwd", std::filesystem::current_path(ignored).string());
  lua_newtable(lua_);
  for (size_t i = 0; i < arguments.size(); ++i) {
    lua_pushlstring(lua_, arguments[i].data(), arguments[i].size());
    lua_rawseti(lua_, -2, static_cast<int>(i) + 1);
  }
  lua_setfield(lua_, -2, "arguments");
  lua_newtable(lua_);
  for (size_t i = 0; i < base.size(); ++i) {
    lua_newtable(lua_);
    lua_pushstring(lua_, base[i].name.c_str());
    lua_rawseti(lua_, -2, 1);
    if (!base[i].short_name.empty()) {
      set_text(lua_, "short", base[i].short_name);
    }
    if (base[i].takes_value) {
      set_text(lua_, "takes", "value");
      set_text(lua_, "metavar", base[i].metavar);
    }
    if (base[i].multiple) {
      set_flag(lua_, "multiple", true);
    }
    set_text(lua_, "help", base[i].help);
    lua_rawseti(lua_, -2, static_cast<int>(i) + 1);
  }
  lua_setfield(lua_, -2, "base");

  const int handler = lua_gettop(lua_) - 1;
  lua_pushcfunction(lua_, on_error);
  lua_insert(lua_, handler);
  const int status = lua_pcall(lua_, 1, 1, handler);
  lua_remove(lua_, handler);
  if (status != 0) {
    // --help ends the reading of the script, too.
    if (lua_istable(lua_, -1)) {
      std::string help = field_text(lua_, "help");
      if (!help.empty()) {
        lua_pop(lua_, 1);
        return Declared{.help = std::move(help)};
      }
    }
    return tl::unexpected(take_error());
  }
  Declared declared = read_declared();
  lua_pop(lua_, 1);
  return declared;
}

Declared Engine::read_declared() {
  Declared declared;
  each(lua_, "probes", [&] {
    DeclaredProbe& probe = declared.probes.emplace_back();
    probe.name = field_text(lua_, "name");
    probe.place = field_text(lua_, "place");
    probe.file = field_text(lua_, "file");
    lua_getfield(lua_, -1, "text");
    const bool has_text = lua_isstring(lua_, -1) != 0;
    std::string text = pop_text(lua_);
    if (has_text) {
      probe.text = std::move(text);
    }
    lua_getfield(lua_, -1, "parameters");
    for (lua_pushnil(lua_); lua_next(lua_, -2) != 0; lua_pop(lua_, 1)) {
      artifact::ParameterValue& value =
          probe.parameters[lua_tostring(lua_, -2)];
      const auto count = static_cast<int>(lua_objlen(lua_, -1));
      for (int i = 1; i <= count; ++i) {
        lua_rawgeti(lua_, -1, i);
        value.push_back(static_cast<int64_t>(lua_tonumber(lua_, -1)));
        lua_pop(lua_, 1);
      }
    }
    lua_pop(lua_, 1);
  });
  each(lua_, "base", [&] {
    lua_getfield(lua_, -1, "value");
    const bool taken_back =
        lua_isboolean(lua_, -1) && lua_toboolean(lua_, -1) == 0;
    lua_pop(lua_, 1);
    if (taken_back) {  // --no-quiet
      return;
    }
    declared.base_options.push_back(
        {.name = field_text(lua_, "name"), .value = field_text(lua_, "value")});
  });
  lua_getfield(lua_, -1, "processes");
  declared.processes = lua_toboolean(lua_, -1) != 0;
  lua_pop(lua_, 1);
  lua_getfield(lua_, -1, "targets");
  declared.targets = lua_toboolean(lua_, -1) != 0;
  lua_pop(lua_, 1);
  lua_getfield(lua_, -1, "payload");
  declared.payload = lua_toboolean(lua_, -1) != 0;
  lua_pop(lua_, 1);
  each(lua_, "timers", [&] {
    declared.timers.push_back(
        static_cast<uint64_t>(std::llround(lua_tonumber(lua_, -1) * 1e9)));
  });
  lua_getfield(lua_, -1, "maps");
  declared.maps = lua_toboolean(lua_, -1) != 0;
  lua_pop(lua_, 1);
  each(lua_, "positionals", [&] {
    lua_pushvalue(lua_, -1);
    declared.positionals.push_back(pop_text(lua_));
  });
  return declared;
}

void Engine::push_schema(const events::Schema& schema) {
  lua_newtable(lua_);
  lua_newtable(lua_);
  for (size_t i = 0; i < schema.types.size(); ++i) {
    const events::Type& type = schema.types[i];
    lua_newtable(lua_);
    set_text(lua_, "kind", kind_name(type.kind));
    set_flag(lua_, "is_signed", type.is_signed);
    set_number(lua_, "size", type.size);
    set_number(lua_, "element", type.element + 1.0);
    set_number(lua_, "count", type.count);
    set_text(lua_, "name", type.name);
    lua_newtable(lua_);
    for (size_t m = 0; m < type.members.size(); ++m) {
      const events::Member& member = type.members[m];
      lua_newtable(lua_);
      set_text(lua_, "name", member.name);
      set_number(lua_, "type", member.type + 1.0);
      set_number(lua_, "offset", member.offset);
      set_number(lua_, "bit_offset", member.bit_offset);
      set_number(lua_, "bit_size", member.bit_size);
      lua_rawseti(lua_, -2, static_cast<int>(m) + 1);
    }
    lua_setfield(lua_, -2, "members");
    lua_newtable(lua_);
    for (size_t e = 0; e < type.enumerators.size(); ++e) {
      const events::Enumerator& enumerator = type.enumerators[e];
      lua_newtable(lua_);
      set_text(lua_, "name", enumerator.name);
      set_number(lua_, "value", static_cast<double>(enumerator.value));
      lua_rawseti(lua_, -2, static_cast<int>(e) + 1);
    }
    lua_setfield(lua_, -2, "enumerators");
    lua_rawseti(lua_, -2, static_cast<int>(i) + 1);
  }
  lua_setfield(lua_, -2, "types");
  lua_newtable(lua_);
  for (size_t i = 0; i < schema.events.size(); ++i) {
    lua_newtable(lua_);
    set_text(lua_, "name", schema.events[i].name);
    set_number(lua_, "type", schema.events[i].type + 1.0);
    lua_rawseti(lua_, -2, static_cast<int>(i) + 1);
  }
  lua_setfield(lua_, -2, "events");
}

Result<void> Engine::bind(const std::vector<BoundProbe>& probes,
                          const RunOptions& options, format::Clock clock,
                          events::MapAccess* maps) {
  clock_ = clock;
  maps_ = maps;
  size_t map_number = 0;
  time_ = options.time;
  replay_ = options.replay;
  endless_ = options.endless;
  push_runtime("bind");
  lua_newtable(lua_);
  set_flag(lua_, "json", options.json);
  set_flag(lua_, "prefix", options.time != format::TimeStyle::kNone);
  set_flag(lua_, "replay", options.replay);
  set_number(lua_, "limit", static_cast<double>(options.limit));
  lua_newtable(lua_);
  for (size_t i = 0; i < probes.size(); ++i) {
    const BoundProbe& probe = probes[i];
    for (const events::EventType& event : probe.schema->events) {
      json_.emplace_back(*probe.schema, event);
      event_names_.push_back(event.name);
    }
    lua_newtable(lua_);
    push_schema(*probe.schema);
    lua_setfield(lua_, -2, "schema");
    push_maps(lua_, probe.maps, map_number);
    lua_setfield(lua_, -2, "maps");
    map_number += probe.maps.size();
    if (probe.declared) {
      set_number(lua_, "declared", static_cast<double>(*probe.declared) + 1);
    }
    set_flag(lua_, "process_table", probe.is_process_table);
    set_flag(lua_, "payload_is_off", probe.payload_is_off);
    lua_rawseti(lua_, -2, static_cast<int>(i) + 1);
  }
  lua_setfield(lua_, -2, "probes");
  return call(1, 0);
}

Result<void> Engine::start() {
  push_runtime("start");
  return call(0, 0);
}

Result<void> Engine::tick(size_t timer) {
  if (is_over_) {
    return {};
  }
  push_runtime("tick");
  lua_pushnumber(lua_, static_cast<double>(timer) + 1);
  return call(1, 0);
}

Result<void> Engine::run(const events::Batch& batch) {
  if (is_over_) {
    return {};
  }
  const size_t count = batch.count();
  records_ = 0;
  CHECK(count <= slots_.size());
  std::copy_n(batch.events().data(), count, slots_.data());
  push_runtime("batch");
  lua_pushnumber(lua_, static_cast<double>(count));
  in_batch_ = count > 0;
  Result<void> done = call(1, 0);
  in_batch_ = false;
  last_ts_ = count > 0 ? slots_[count - 1]->ts : last_ts_;
  if (done && !is_over_) {
    delivered_ += count - records_;
    return done;
  }
  delivered_ += counts_[kCursor] + 1 - records_;
  if (!done) {
    const events::Header& event = *slots_[counts_[kCursor]];
    Error& error = done.error();
    error.message += " (at the event " +
                     event_names_[event.type & events::kTypeMask] + " of " +
                     log::printable({event.comm, strnlen(event.comm, 16)}) +
                     ", process " + std::to_string(event.pid) + ", thread " +
                     std::to_string(event.tid) + ")";
  }
  return done;
}

Result<void> Engine::lost(const std::vector<LossCount>& counts) {
  push_runtime("lost");
  lua_newtable(lua_);
  uint64_t count = 0;
  uint64_t total = 0;
  for (const LossCount& each : counts) {
    set_number(lua_, each.cause, static_cast<double>(each.count));
    count += each.count;
    total += each.total;
  }
  set_number(lua_, "count", static_cast<double>(count));
  set_number(lua_, "total", static_cast<double>(total));
  return call(1, 0);
}

Result<void> Engine::target_ended(pid_t pid) {
  push_runtime("target_ended");
  lua_pushnumber(lua_, pid);
  return call(1, 0);
}

Result<Reply> Engine::request(size_t service, const std::string& method,
                              const std::string& path,
                              const std::string& body) {
  push_runtime("request");
  lua_pushnumber(lua_, static_cast<double>(service));
  for (const std::string* text : {&method, &path, &body}) {
    lua_pushlstring(lua_, text->data(), text->size());
  }
  TRY(call(4, 4));
  Reply reply;
  reply.allow = pop_text(lua_);
  reply.type = pop_text(lua_);
  reply.body = pop_text(lua_);
  reply.status = static_cast<int>(lua_tonumber(lua_, -1));
  lua_pop(lua_, 1);
  return reply;
}

Result<void> Engine::finish() {
  push_runtime("finish");
  return call(0, 0);
}

void Engine::flush() {
  push_runtime("flush");
  if (Result<void> done = call(0, 0); !done) {
    log::warn("flush: " + done.error().message);
  }
}

/// Calls a function of the module.
Result<void> Engine::call_jitwatch(const char* function, int results) {
  lua_getglobal(lua_, "require");
  lua_pushliteral(lua_, "tracer.jitwatch");
  TRY(call(1, 1));
  lua_getfield(lua_, -1, function);
  lua_remove(lua_, -2);
  return call(0, results);
}

Result<void> Engine::watch_jit() {
  // LuaJIT's own list of its reasons, of just this version.
  static constexpr std::string_view kReasons =
#include <luajit_vmdef.inc>
      ;
  lua_getglobal(lua_, "package");
  lua_getfield(lua_, -1, "preload");
  const int status =
      luaL_loadbuffer(lua_, kReasons.data(), kReasons.size(), "=jit.vmdef");
  CHECK(status == 0);
  lua_setfield(lua_, -2, "jit.vmdef");
  lua_pop(lua_, 2);
  return call_jitwatch("start", 0);
}

Result<std::vector<std::string>> Engine::left_the_jit() {
  TRY(call_jitwatch("stop", 1));
  std::vector<std::string> lines;
  const auto count = static_cast<int>(lua_objlen(lua_, -1));
  for (int i = 1; i <= count; ++i) {
    lua_rawgeti(lua_, -1, i);
    lines.push_back(pop_text(lua_));
  }
  lua_pop(lua_, 1);
  return lines;
}

void Engine::limit_reached() {
  is_over_ = true;
  host_.on_limit();
}

void Engine::stop(int status) {
  if (endless_) {
    counts_[kStopped] = 0;
    return;
  }
  is_over_ = true;
  host_.on_stop(status);
}

/// 1: it is one now; 0: it was one already; -1: last_text() says why not.
int Engine::add_target(pid_t pid) {
  if (!host_.add_target) {
    return 1;
  }
  Result<bool> added = host_.add_target(pid);
  if (added) {
    return *added ? 1 : 0;
  }
  message_ = std::move(added.error().message);
  last_text_ = message_;
  return -1;
}

bool Engine::remove_target(pid_t pid) const {
  return !host_.remove_target || host_.remove_target(pid);
}

/// How many there are; as many as there is room for are put into `out`.
size_t Engine::list_targets(int32_t* out, size_t room) const {
  if (!host_.list_targets) {
    return 0;
  }
  const std::vector<pid_t> pids = host_.list_targets();
  std::copy_n(pids.begin(), std::min(pids.size(), room), out);
  return pids.size();
}

/// None in a replay, where nobody is traced.
void Engine::count_target(pid_t pid, double* processes, double* threads) const {
  if (host_.count_target) {
    const auto [of_processes, of_threads] = host_.count_target(pid);
    *processes = static_cast<double>(of_processes);
    *threads = static_cast<double>(of_threads);
  }
}

/// last_text() has a line "NAME NUMBER" for each.
void Engine::find_numbers() {
  message_ = "delivered " + std::to_string(delivered()) + "\nshown " +
             std::to_string(shown()) + "\nfiltered " +
             std::to_string(filtered()) + "\n";
  if (host_.numbers) {
    for (const auto& [name, number] : host_.numbers()) {
      message_ += name + " " + std::to_string(number) + "\n";
    }
  }
  last_text_ = message_;
}

/// 1: from the start on there will be requests; 0: nobody asks in this run;
/// -1: last_text() says why not, and in a second line what helps.
int Engine::listen(const Service& service) {
  if (!host_.listen) {
    return 0;
  }
  Result<void> done = host_.listen(service);
  if (done) {
    return 1;
  }
  message_ = done.error().message;
  if (!done.error().hint.empty()) {
    message_ += "\n" + done.error().hint;
  }
  last_text_ = message_;
  return -1;
}

size_t Engine::event_room(const events::Header* event) const {
  return json_[event->type & events::kTypeMask].room(event->len);
}

size_t Engine::event_json(const events::Header* event, char* out) {
  return json_[event->type & events::kTypeMask].format(event, *clock_, out);
}

size_t Engine::event_time(const events::Header* event, char* out) {
  return clock_->iso(event->ts, out);
}

size_t Engine::event_prefix(const events::Header* event, char* out) {
  return clock_->prefix(time_, event->ts, out);
}

/// The prefix for what is no event's own text: the time of the event that is
/// being handled; between events now, which in a replay is the last one's.
size_t Engine::now_prefix(char* out) {
  return clock_->prefix(time_, now(), out);
}

/// The time of what is handled now: an event's, if there is one.
uint64_t Engine::now() const {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return in_batch_ ? slots_[counts_[kCursor]]->ts
         : replay_ ? std::max(last_ts_, clock_->start())
                   : static_cast<uint64_t>(now.count());
}

/// False if results do not go to a terminal.
bool Engine::terminal_size(uint16_t* rows, uint16_t* columns) const {
  winsize size{};
  if (!host_.output || ioctl(host_.output(), TIOCGWINSZ, &size) != 0) {
    return false;
  }
  // A serial line does not know.
  *rows = size.ws_row > 0 ? size.ws_row : 24;
  *columns = size.ws_col > 0 ? size.ws_col : 80;
  return true;
}

/// The name of a user, in last_text() until the next call. In a replay this
/// machine's users are not those of the recording: a name that it does not
/// tell is the number.
void Engine::find_user(uint32_t uid) {
  auto found = user_names_.find(uid);
  if (found == user_names_.end()) {
    found =
        user_names_.emplace(uid, replay_ ? std::to_string(uid) : user_name(uid))
            .first;
  }
  last_text_ = found->second;
}

void Engine::find_group(uint32_t gid) {
  message_ = replay_ ? std::to_string(gid) : group_name(gid);
  last_text_ = message_;
}

/// The number of a file that the script writes to, -2 where nothing will be
/// written, or -1 and what prevents it in last_text().
void Engine::process_record(const events::Header* event) {
  ++records_;
  processes_.apply(event);
}

/// Finds one of the three texts about a process: 0, its user; 1, its
/// executable; 2, its cgroup. Returns a number that stands for the text and
/// for no other of the same field; last_text() has it until the next call.
double Engine::process_text(uint32_t pid, uint32_t field) {
  const events::Processes::Process process = processes_.find(pid);
  if (field == 0 && process.uid != nullptr) {
    find_user(*process.uid);
    return 1.0 + *process.uid;
  }
  const events::Interned::Text* text = field == 1   ? process.exe
                                       : field == 2 ? process.cgroup
                                                    : nullptr;
  if (text == nullptr) {
    last_text_ = "?";
    return 0;
  }
  last_text_ = text->text;
  return static_cast<double>(text->id);
}

/// last_text() has the answer until the next call.
events::MapStatus Engine::map_call(uint32_t map, events::MapOp op,
                                   std::string_view in) {
  const events::MapAnswer answer =
      maps_ != nullptr
          ? maps_->call(map, op, in)
          : events::MapAnswer{events::MapStatus::kFailed, "there are no maps"};
  last_text_ = answer.bytes;
  return answer.status;
}

}  // namespace tracer::script
