// SPDX-License-Identifier: Apache-2.0
#include "script/engine.h"

#include <algorithm>
#include <filesystem>
#include <lua.hpp>
#include <utility>

#include "base/check.h"
#include "base/fd.h"
#include "base/log.h"
#include "script/lua_error.h"
#include "script/lua_stack.h"
#include "script/schema_table.h"

namespace tracer::script {
namespace {

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
  engine->push_core();
  lua_setfield(lua, -2, "tracer.core");
  lua_pop(lua, 2);

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

void Engine::push_runtime(const char* function) {
  lua_rawgeti(lua_, LUA_REGISTRYINDEX, runtime_);
  lua_getfield(lua_, -1, function);
  lua_remove(lua_, -2);
}

/// Calls the function below its arguments.
Result<void> Engine::call(int arguments, int results) {
  if (!protected_call(lua_, arguments, results)) {
    return tl::unexpected(take_error(lua_, script_));
  }
  return {};
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

  if (!protected_call(lua_, 1, 1)) {
    // --help ends the reading of the script, too.
    if (lua_istable(lua_, -1)) {
      std::string help = field_text(lua_, "help");
      if (!help.empty()) {
        lua_pop(lua_, 1);
        return Declared{.help = std::move(help)};
      }
    }
    return tl::unexpected(take_error(lua_, script_));
  }
  Declared declared = read_declared(lua_);
  lua_pop(lua_, 1);
  return declared;
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
    push_schema(lua_, *probe.schema);
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

}  // namespace tracer::script
