package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/portico-dev/portico/internal/testkit/vaulttest"
)

// canary is a secret that must not be shown.
const canary = "canary-5d1f0a"

// nested is YAML in which a key, with its sections, has a value.
func nested(path, value string) string {
	for _, section := range slices.Backward(strings.Split(path, ".")) {
		name, isList := strings.CutSuffix(section, "[]")
		if isList {
			value = "[" + value + "]"
		}
		if strings.HasPrefix(name, "<") {
			name = "any"
		}
		value = "{" + name + ": " + value + "}"
	}
	return value
}

// TestSecretsOfTheConfigurationAreShownNowhere: every key for a secret, with right and wrong values, written in
// the file, in a variable and in a file of its own.
func TestSecretsOfTheConfigurationAreShownNowhere(t *testing.T) {
	t.Parallel()
	tried := 0
	for _, key := range keys() {
		if !key.isSecret() {
			continue
		}
		tried++
		for _, value := range []string{canary, "'" + canary + " and more, which is no token'", "[" + canary + "]", "{x: " + canary + "}", "{$env: CANARY}", "'${CANARY} x'",
			"{$file: canary.txt}", "{$include: 'canary.yaml#secret'}", "{$include: 'canary.yaml#secret.x'}", "{$file: canary.txt, x: " + canary + "}"} {
			require.NotContains(t, everythingShown(t, nested(key.path, value), "CANARY="+canary), canary, "%s: %s", key.path, value)
		}
	}
	require.GreaterOrEqual(t, tried, 19)
	for _, key := range keys() {
		if key.of.Format == "url" {
			require.NotContains(t, everythingShown(t, nested(key.path, "'https://user:"+canary+"@example.com'")), canary, key.path)
		}
	}
}

// TestSecretsOfVaultAreShownNowhere: as those that are written in files, also where no text is wanted.
func TestSecretsOfVaultAreShownNowhere(t *testing.T) {
	t.Parallel()
	at := vaulttest.Start(t)
	at.Put(t, "portico", map[string]any{"text": canary, "list": []string{canary}})
	for _, key := range keys() {
		if !key.isSecret() {
			continue
		}
		for _, value := range []string{"{$vault: 'kv/data/portico#text'}", "[{$vault: 'kv/data/portico#text'}]", "{x: {$vault: 'kv/data/portico#text'}}",
			"{$vault: 'kv/data/portico#list'}", "{$vault: 'kv/data/portico#nothing'}", "{$vault: 'kv/data/portico#text', x: a}", "{$vault: [a]}"} {
			shown := everythingShown(t, nested(key.path, value), "VAULT_ADDR="+at.Address, "VAULT_TOKEN="+at.RootToken)
			require.NotContains(t, shown, canary, "%s: %s", key.path, value)
			require.NotContains(t, shown, at.RootToken, "%s: %s", key.path, value)
		}
	}
}

// everythingShown is all that a process may print of a configuration, or the problems of a wrong one.
func everythingShown(t *testing.T, content string, environ ...string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"app.yaml": content, "canary.txt": canary + "\n", "canary.yaml": "secret: " + canary} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	loaded, err := Load(t.Context(), Options{Files: []string{"app.yaml"}, Environ: append([]string{}, environ...), Dir: dir})
	if err != nil {
		shown := err.Error()
		if invalid, is := errors.AsType[*InvalidError](err); is {
			shown += fmt.Sprintf("%+v", invalid.Problems)
		}
		return shown
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("loaded", "config", loaded)
	asJSON, err := json.Marshal(loaded)
	require.NoError(t, err)
	asYAML, err := yaml.Marshal(loaded)
	require.NoError(t, err)
	return fmt.Sprintf("%v %+v %#v %s %s %s", loaded, *loaded, *loaded, log.String(), asJSON, asYAML)
}
