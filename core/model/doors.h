#pragma once

#include <string>

#include "core/model/fields.h"
#include "core/model/manifest.h"

namespace hearth::model {

// One document of each outside form → a Function. Problems go to the context; the result is only
// worth something where there are none. Used by manifest.cc.

// metadata, common to every Kubernetes kind.
struct Metadata {
  std::string name;
  std::string ns;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
  uint64_t generation = 1;
  std::string created;  // RFC 3339
};
void ReadMetadata(const Value& document, const ParseOptions& options, ReadContext* context,
                  Metadata* out);

// Checks the members of a Kubernetes object: apiVersion, kind, metadata, spec, status. Returns the
// spec; nullptr where there is none (reported).
const Value* ReadEnvelope(const Value& document, ReadContext* context);

Function ReadHearthFunction(const Value& document, const ParseOptions& options,
                            ReadContext* context);
Value WriteHearthFunction(const Function& function);

// The fields that openfaas.com/v1, stack.yml and FunctionDeployment share, before they mean
// anything.
struct OpenFaasFunction {
  std::string name;
  std::string ns;
  std::string image;
  std::string process;  // envProcess, fprocess, handler of the CRD
  std::map<std::string, std::string> environment;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
  std::vector<std::string> constraints;
  std::vector<std::string> secrets;
  Resources limits;
  Resources requests;
  bool read_only_root_filesystem = false;

  // stack.yml only.
  std::string lang;
  std::string handler;
  std::vector<std::string> environment_files;
  bool skip_build = false;
};
// What the fields mean here: `path` is where they stand ("spec", "functions.NAME").
Function FromOpenFaas(const OpenFaasFunction& from, Door door, const std::string& path,
                      const ParseOptions& options, ReadContext* context);

Function ReadOpenFaasFunction(const Value& document, const ParseOptions& options,
                              ReadContext* context);
Function ReadDeployment(const Value& document, const ParseOptions& options, ReadContext* context);

bool IsStack(const Value& document);
// Adds each function, and what is wrong with it, to `out`.
void ReadStack(Value document, const ParseOptions& options, Parsed* out);

// Runs Validate, adds its findings to the problems with the lines that are known. `prefix` replaces
// "spec" in the findings' paths.
void ValidateInto(const Function& function, const ParseOptions& options, const std::string& prefix,
                  ReadContext* context);

}  // namespace hearth::model
