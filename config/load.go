package config

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/portico-dev/portico/config/vault"
)

// Options are the inputs of Load. The zero value loads the default files of the current directory with the
// process's environment.
type Options struct {
	// Files are configuration files, each overriding those before it. Without any, those of app-config.yaml,
	// app-config.<env>.yaml, app-config.local.yaml and app-config.<env>.local.yaml that exist in Dir are
	// read, where <env> is each name in the variable BACKSTAGE_ENV; none at all is a configuration of
	// defaults.
	Files []string
	// Environ holds NAME=value pairs as os.Environ does; nil means the process's own.
	Environ []string
	// Dir is the base of relative Files; "" means the current directory.
	Dir string
}

// Load reads, merges and checks the configuration. An invalid content is an *InvalidError with every problem.
// For files that cannot be read or parsed, it returns the first error.
func Load(ctx context.Context, options Options) (*Config, error) {
	if options.Environ == nil {
		options.Environ = os.Environ()
	}
	environment := newEnvironment(options.Environ)
	root, err := readSources(ctx, options, environment)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	checker := &checker{}
	known := checker.check(rootSchema(), root, "")
	checker.checkListen(root)
	checker.checkGitHub(root)
	checker.checkExternalAccess(root)
	checker.checkEncryptionKeys(root)
	if len(checker.problems) > 0 {
		return nil, checker.invalid()
	}
	var config Config
	if err := known.Decode(&config); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	checker.checkTimes(root, config.Portico.Run)
	checker.checkMemory(root, config.Portico.Run.Memory)
	if len(checker.problems) > 0 {
		return nil, checker.invalid()
	}
	sortByPlace(checker.warnings)
	config.Warnings = checker.warnings
	config.place = root.place
	config.derive()
	return &config, nil
}

// checkTimes checks that the times of runs are consistent.
func (c *checker) checkTimes(root *value, run Run) {
	if retry := run.Retry; retry.InitialInterval > retry.MaximumInterval {
		c.report(root.at("portico", "run", "retry").origin,
			"'portico.run.retry' waits %s at first and %s at most", retry.InitialInterval, retry.MaximumInterval)
	}
	if run.Retention > 0 && run.Retention < run.ParkedExpiry {
		c.report(root.at("portico", "run", "retention").origin,
			"'portico.run.retention' deletes a failed run after %s, and 'portico.run.parkedExpiry' lets it wait for %s: keep it as long as it waits",
			run.Retention, run.ParkedExpiry)
	}
}

// checkMemory checks that one evaluation's limit is within the process's.
func (c *checker) checkMemory(root *value, memory Memory) {
	if memory.EvaluationMiB > memory.ProcessMiB {
		c.report(root.at("portico", "run", "memory").origin,
			"'portico.run.memory' lets one evaluation take %d MiB, and all of a process %d MiB: it must be at least as much",
			memory.EvaluationMiB, memory.ProcessMiB)
	}
}

// readSources merges all files and the environment's overrides.
func readSources(ctx context.Context, options Options, environment environment) (*value, error) {
	files, err := options.files(environment)
	if err != nil {
		return nil, err
	}
	secrets := vault.NewReader(environment.lookup)
	defer secrets.Close(ctx)
	transformer := transformer{environment, func(reference string) (string, error) { return secrets.Read(ctx, reference) }}
	root := &value{origin: origin{file: "configuration"}, kind: object}
	for _, file := range files {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		read, err := readFile(file, transformer)
		if err != nil {
			return nil, err
		}
		root = merge(root, read)
	}
	overrides, err := environment.overrides()
	if err != nil {
		return nil, err
	}
	return merge(root, overrides), nil
}

// files lists the paths to read; later ones override earlier ones.
func (o Options) files(environment environment) ([]string, error) {
	if len(o.Files) == 0 {
		return o.defaultFiles(environment)
	}
	paths := make([]string, len(o.Files))
	for n, file := range o.Files {
		if strings.HasPrefix(file, "http://") || strings.HasPrefix(file, "https://") {
			return nil, fmt.Errorf("%s: only files are read, not URLs", file)
		}
		paths[n] = within(o.Dir, file)
	}
	return paths, nil
}

func (o Options) defaultFiles(environment environment) ([]string, error) {
	names := []string{"app-config.yaml"}
	var local []string
	list, _ := environment.lookup("BACKSTAGE_ENV")
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, "app-config."+name+".yaml")
			local = append(local, "app-config."+name+".local.yaml")
		}
	}
	names = append(append(names, "app-config.local.yaml"), local...)

	var present []string
	for _, name := range names {
		path := filepath.Join(o.Dir, name)
		switch _, err := os.Stat(path); {
		case err == nil:
			present = append(present, path)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	return present, nil
}

func readFile(path string, transformer transformer) (*value, error) {
	content, err := readBounded(path)
	if err != nil {
		return nil, err
	}
	read, err := parseYAML(path, content)
	if err != nil {
		return nil, err
	}
	if read.kind != object {
		return nil, fmt.Errorf("%s: expected object at config root, got %s", read.origin, read.typeName())
	}
	return transformer.apply(read, filepath.Dir(path), 0)
}

// checkListen checks the port of a listen address that was written as one string.
func (c *checker) checkListen(root *value) {
	given := root.at("backend", "listen")
	if given == nil || !given.isString() || !strings.Contains(given.text, ":") {
		return
	}
	if _, _, err := splitListen(given.text); err != nil {
		c.report(given.origin, "invalid value for key 'backend.listen': %v", err)
	}
}

// checkGitHub reports hosts without an API address that have no default one.
func (c *checker) checkGitHub(root *value) {
	for n, entry := range root.list("integrations", "github") {
		host := entry.textAt("host")
		if host == "" || host == githubHost || entry.textAt("apiBaseUrl") != "" || entry.textAt("rawBaseUrl") != "" {
			continue
		}
		c.report(entry.origin, "'integrations.github[%d]' is for %s and needs apiBaseUrl, such as https://%s/api/v3", n, host, host)
	}
}

// accessOptions lists, for each option of external access, the types that have it, and whether they require
// it.
var accessOptions = []struct {
	name     string
	types    []string
	required bool
}{
	{"token", []string{AccessStatic}, true},
	{"secret", []string{AccessLegacy}, true},
	{"subject", []string{AccessStatic, AccessLegacy}, true},
	{"url", []string{AccessJWKS}, true},
	{"issuer", []string{AccessJWKS}, false},
	{"audience", []string{AccessJWKS}, false},
	{"algorithm", []string{AccessJWKS}, false},
	{"subjectPrefix", []string{AccessJWKS}, false},
}

// checkExternalAccess checks that an entry has the options of its type only, and one restriction per plugin.
func (c *checker) checkExternalAccess(root *value) {
	for n, entry := range root.list("backend", "auth", "externalAccess") {
		path := fmt.Sprintf("backend.auth.externalAccess[%d]", n)
		c.checkAccessOptions(entry, path+".options")
		seen := map[string]bool{}
		for m, restriction := range entry.list("accessRestrictions") {
			plugin := restriction.textAt("plugin")
			if seen[plugin] {
				c.report(restriction.origin, "'%s.accessRestrictions[%d]' is for the plugin %q, as an earlier one is", path, m, plugin)
			}
			seen[plugin] = true
		}
	}
}

func (c *checker) checkAccessOptions(entry *value, path string) {
	given, kind := entry.at("options"), entry.textAt("type")
	if given == nil || given.kind != object || !slices.Contains([]string{AccessStatic, AccessLegacy, AccessJWKS}, kind) {
		return // it is reported already
	}
	for _, option := range accessOptions {
		member, isFor := given.at(option.name), slices.Contains(option.types, kind)
		isThere := member != nil && !member.isNull()
		switch {
		case isThere && !isFor:
			c.report(member.origin, "'%s' is for type %s, and this is of type %s", join(path, option.name), oneOf(option.types), kind)
		case !isThere && isFor && option.required:
			c.report(given.origin, "missing required config value at '%s'", join(path, option.name))
		}
	}
}

// checkEncryptionKeys rejects two keys with the same id, because decryption would pick the wrong one.
func (c *checker) checkEncryptionKeys(root *value) {
	seen := map[string]bool{}
	for n, entry := range root.list("portico", "encryption", "keys") {
		id := entry.textAt("id")
		if seen[id] {
			c.report(entry.origin, "'portico.encryption.keys[%d]' has the id %q of an earlier key", n, id)
		}
		seen[id] = true
	}
}

// at returns the value at a path of keys, nil when there is none.
func (v *value) at(path ...string) *value {
	for _, key := range path {
		member := v.field(key)
		if member == nil {
			return nil
		}
		v = member.value
	}
	return v
}

// place is the position of the value at a path of keys, in which a list's items have their numbers.
func (v *value) place(path ...string) string {
	for _, key := range path {
		if v.kind != list {
			if v = v.at(key); v == nil {
				return ""
			}
			continue
		}
		n, err := strconv.Atoi(key)
		if err != nil || n < 0 || n >= len(v.items) {
			return ""
		}
		v = v.items[n]
	}
	return v.origin.String()
}

// list returns the list at a path of keys, empty when there is none.
func (v *value) list(path ...string) []*value {
	if v = v.at(path...); v == nil {
		return nil
	}
	return v.items
}

// textAt returns the text of a field, "" when it has none.
func (v *value) textAt(key string) string {
	if member := v.at(key); member != nil {
		return member.text
	}
	return ""
}
