package e2e_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// localSecret is a text in local files; no response may contain it.
const localSecret = "what-only-this-machine-knows"

// TestDescriptorsByURLCannotReadLocalFiles registers descriptors by URL that name local files in every
// possible way.
func TestDescriptorsByURLCannotReadLocalFiles(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.start("worker")
	s.startServing("service")
	a := &attack{system: s, secrets: t.TempDir()}
	require.NoError(t, os.WriteFile(filepath.Join(a.secrets, "secret.txt"), []byte(localSecret), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(a.secrets, "leaked.yaml"), []byte(component("leaked", localSecret)), 0o600))
	a.publish()

	t.Run("in a run", func(t *testing.T) {
		t.Parallel()
		a.as(t).requireNoRunReads()
	})
	t.Run("in a dry run", func(t *testing.T) {
		t.Parallel()
		a.as(t).requireNoDryRunReads()
	})
	t.Run("by the targets of a Location", func(t *testing.T) {
		t.Parallel()
		a.as(t).requireNoLocationReads()
	})
	t.Run("when an entity is validated", func(t *testing.T) {
		t.Parallel()
		a.as(t).requireValidationRevealsNothing()
	})
}

// attack is a system with a repository whose author tries to read the files in the directory secrets.
type attack struct {
	*system
	secrets string
}

func (a *attack) as(t *testing.T) *attack {
	t.Helper()
	return &attack{system: a.system.as(t), secrets: a.secrets}
}

func component(name, description string) string {
	return fmt.Sprintf(`apiVersion: backstage.io/v1alpha1
kind: Component
metadata: { name: %s, description: %q }
spec: { type: service, lifecycle: experimental, owner: guest }
`, name, description)
}

// template reads a file by a relative path, and its annotations name the directory of the file as its own.
func (a *attack) template(name, annotations, file string) string {
	return fmt.Sprintf(`apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata:
  name: %s
  annotations: { %s }
spec:
  type: service
  steps:
    - { id: take, action: "fetch:plain:file", input: { url: %s, targetPath: taken.txt } }
    - { id: tell, action: "debug:log", input: { listWorkspace: with-contents } }
`, name, annotations, file)
}

// bases are annotations that name the directory with the secret, or the environment of the worker.
func (a *attack) bases() map[string]string {
	source := func(of string) string { return fmt.Sprintf("backstage.io/source-location: %q", of) }
	managed := func(of string) string { return fmt.Sprintf("backstage.io/managed-by-location: %q", of) }
	file := "file:" + a.secrets + "/template.yaml"
	return map[string]string{
		"source":      source(file),
		"slashes":     source("file://" + a.secrets + "/template.yaml"),
		"blank":       source("file: " + a.secrets + "/template.yaml"),
		"url-of-file": source("url:file://" + a.secrets + "/template.yaml"),
		"upper-case":  source("FILE:" + a.secrets + "/template.yaml"),
		"managed":     managed(file),
		"both":        managed(file) + ", " + source(file),
		"origin":      fmt.Sprintf("backstage.io/managed-by-origin-location: %q", file) + ", " + source(file),
		"beside-ours": source("file:" + a.system.template("all.yaml")),
		"up-and-down": source("file:" + a.system.template("../.."+a.secrets+"/template.yaml")),
		"process":     source("file:/proc/self/x"),
	}
}

// publish pushes the attacker's descriptors to the forge.
func (a *attack) publish() {
	a.t.Helper()
	files := map[string]string{
		"location.yaml": fmt.Sprintf("apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata: { name: leading }\nspec: { type: file, targets: [%q] }\n",
			a.secrets+"/leaked.yaml"),
	}
	for name, annotations := range a.bases() {
		file := "./secret.txt"
		switch name {
		case "process":
			file = "./environ"
		case "beside-ours":
			file = "./service.yaml"
		}
		files[name+".yaml"] = a.template(name, annotations, file)
	}
	require.Equal(a.t, http.StatusCreated, a.forgeCall(http.MethodPost, "/orgs/"+organization+"/repos", map[string]any{"name": "attack"}))
	clone := filepath.Join(a.t.TempDir(), "clone")
	a.mustGit("", "clone", "--quiet", a.cloneURL("attack"), clone)
	for name, content := range files {
		require.NoError(a.t, os.WriteFile(filepath.Join(clone, name), []byte(content), 0o600))
	}
	a.mustGit(clone, "checkout", "--quiet", "-B", "main")
	a.mustGit(clone, "add", ".")
	a.mustGit(clone, "-c", "user.name=Eve", "-c", "user.email=eve@example.com", "commit", "--quiet", "-m", "Attack")
	a.mustGit(clone, "push", "--quiet", "origin", "main")
}

// at is the URL of one of the attacker's files.
func (a *attack) at(file string) string {
	return fmt.Sprintf("http://%s/%s/attack/blob/main/%s", a.forge.Host, organization, file)
}

// requireNoSecret checks that a response contains nothing of the local files.
func (a *attack) requireNoSecret(what string, answer []byte) {
	a.t.Helper()
	text := string(answer)
	if decoded, err := url.QueryUnescape(text); err == nil {
		text += decoded
	}
	for _, secret := range []string{localSecret, base64.StdEncoding.EncodeToString([]byte(localSecret)), "PATH=", "same-step-twice"} {
		require.NotContains(a.t, text, secret, what)
	}
}

func (a *attack) requireNoRunReads() {
	for name := range a.bases() {
		location := map[string]string{"type": "url", "target": a.at(name + ".yaml")}
		require.Equal(a.t, http.StatusCreated, a.call(http.MethodPost, "/api/catalog/locations", location, nil))
	}
	for name := range a.bases() {
		a.untilServed(name)
		status, answer := a.exchange(http.MethodPost, "/api/scaffolder/v2/tasks", runRequest(name, map[string]any{}, nil))
		a.requireNoSecret(name, answer)
		if status != http.StatusCreated {
			require.Equal(a.t, http.StatusBadRequest, status, "%s: %s", name, answer)
			require.Contains(a.t, string(answer), "source-location", name)
			continue
		}
		_, created, _ := strings.Cut(string(answer), `"id":"`)
		id, _, _ := strings.Cut(created, `"`)
		require.Equal(a.t, "take", a.awaitPhase(id, "parked").FailedStep, name)
		_, events := a.exchange(http.MethodGet, "/api/scaffolder/v2/tasks/"+id+"/events", nil)
		a.requireNoSecret(name, events)
	}
}

func (a *attack) requireNoDryRunReads() {
	for name, annotations := range map[string]string{
		"source": "file:" + a.secrets + "/template.yaml", "process": "file:/proc/self/x", "beside-ours": "file:" + a.system.template("all.yaml"),
	} {
		for _, file := range []string{"./secret.txt", "./environ", "./service.yaml", "file://" + a.secrets + "/secret.txt", a.secrets + "/secret.txt",
			"../../../../../.." + a.secrets + "/secret.txt"} {
			document := map[string]any{
				"apiVersion": "scaffolder.backstage.io/v1beta3", "kind": "Template",
				"metadata": map[string]any{"name": name, "annotations": map[string]string{
					"backstage.io/source-location": annotations, "backstage.io/managed-by-location": annotations}},
				"spec": map[string]any{"type": "service", "steps": []any{
					map[string]any{"id": "take", "action": "fetch:plain:file", "input": map[string]any{"url": file, "targetPath": "taken.txt"}}}},
			}
			status, answer := a.exchange(http.MethodPost, "/api/scaffolder/v2/dry-run",
				map[string]any{"template": document, "values": map[string]any{}, "directoryContents": []any{}})
			require.Equal(a.t, http.StatusBadRequest, status, "%s %s: %s", name, file, answer)
			a.requireNoSecret(name+" "+file, answer)
		}
	}
}

func (a *attack) requireNoLocationReads() {
	location := map[string]string{"type": "url", "target": a.at("location.yaml")}
	status, answer := a.exchange(http.MethodPost, "/api/catalog/locations?dryRun=true", location)
	require.Equal(a.t, http.StatusBadRequest, status, string(answer))
	require.Contains(a.t, string(answer), "may not point at file:")
	a.requireNoSecret("a dry run", answer)
	for _, kind := range []string{"file", "FILE", " file", "File"} {
		location := map[string]string{"type": kind, "target": a.secrets + "/leaked.yaml"}
		status, answer := a.exchange(http.MethodPost, "/api/catalog/locations", location)
		require.Equal(a.t, http.StatusBadRequest, status, string(answer))
		require.Contains(a.t, string(answer), "must be of an allowed type")
	}
	for _, target := range []string{"file://" + a.secrets + "/leaked.yaml", a.secrets + "/leaked.yaml", "FILE:" + a.secrets + "/leaked.yaml"} {
		status, answer := a.exchange(http.MethodPost, "/api/catalog/locations?dryRun=true", map[string]string{"type": "url", "target": target})
		require.Equal(a.t, http.StatusBadRequest, status, string(answer))
		require.Contains(a.t, string(answer), "Invalid URL")
	}
}

// requireValidationRevealsNothing checks that validation gives the same response for entities that name
// existing files and for others that name missing ones.
func (a *attack) requireValidationRevealsNothing() {
	answers := map[string]map[string]bool{}
	for _, file := range []string{a.secrets + "/leaked.yaml", a.secrets + "/secret.txt", a.secrets + "/nothing.yaml", "/etc/passwd", a.secrets} {
		annotations := map[string]string{"backstage.io/managed-by-location": "file:" + file, "backstage.io/managed-by-origin-location": "file:" + file}
		for what, document := range map[string]map[string]any{
			"a target":          {"kind": "Location", "spec": map[string]any{"targets": []string{file}}},
			"a target of files": {"kind": "Location", "spec": map[string]any{"type": "file", "targets": []string{file}}},
			"a relative target": {"kind": "Location", "spec": map[string]any{"type": "file", "target": "./" + filepath.Base(file)}},
			"a pattern":         {"kind": "Location", "spec": map[string]any{"type": "file", "target": file + "*"}},
			"a text": {"kind": "Component", "spec": map[string]any{"type": "service", "lifecycle": "x",
				"owner": map[string]any{"$text": "./" + filepath.Base(file)}}},
			"a text by URL": {"kind": "Component", "spec": map[string]any{"type": "service", "lifecycle": "x",
				"owner": map[string]any{"$text": "file://" + file}}},
		} {
			document["apiVersion"] = "backstage.io/v1alpha1"
			document["metadata"] = map[string]any{"name": "probe", "annotations": annotations}
			status, answer := a.exchange(http.MethodPost, "/api/catalog/validate-entity",
				map[string]any{"entity": document, "location": "url:" + a.at("probe.yaml")})
			require.Equal(a.t, http.StatusBadRequest, status, "%s %s: %s", what, file, answer)
			a.requireNoSecret(what, answer)
			// The response repeats what the author wrote; everything else must be the same.
			told := strings.NewReplacer(file, "FILE", filepath.Base(file), "FILE").Replace(string(answer))
			if answers[what] == nil {
				answers[what] = map[string]bool{}
			}
			answers[what][told] = true
		}
	}
	for what, different := range answers {
		require.Len(a.t, different, 1, what)
	}
}
