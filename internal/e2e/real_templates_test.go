package e2e_test

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/portico-dev/portico/internal/devstack/forge"
	"github.com/portico-dev/portico/internal/testkit/argocdtest"
)

// realTemplate is a public template: a line of the list that PORTICO_REAL_TEMPLATES names.
type realTemplate struct {
	ID         string `json:"id"`
	Repository string `json:"repository"`
	Commit     string `json:"commit"`
	Path       string `json:"path"`
	// Steps are an action and the names of its inputs each.
	Steps [][]any `json:"steps"`
}

// makesRepository reports whether the template creates the repository of its form. Others change one that is there.
func (r realTemplate) makesRepository() bool {
	return slices.ContainsFunc(r.Steps, func(step []any) bool {
		return slices.Contains([]string{"publish:github", "github:repo:create", "publish:gitlab", "publish:azure", "publish:gitea"}, fmt.Sprint(step[0]))
	})
}

func (r realTemplate) owner() string { return strings.Split(r.Repository, "/")[1] }
func (r realTemplate) name() string  { return strings.Split(r.Repository, "/")[2] }

// outcomeOf is what came of a real template.
type outcomeOf struct {
	ID     string `json:"id"`
	Where  string `json:"where"`
	Result string `json:"result"`
	Step   string `json:"step,omitempty"`
	Reason string `json:"reason,omitempty"`
	// RolledBack says that a rollback afterwards left nothing, and Left what it could not remove.
	RolledBack bool   `json:"rolledBack"`
	Left       string `json:"left,omitempty"`
}

// TestRealTemplates runs public templates on the servers of the onboarding template, and prints how many complete, with the reason for
// each that does not. It takes the list of templates (lines of JSON with id, repository, commit and path) and the folder of bare Git
// repositories, OWNER+NAME or OWNER+NAME/repo, from the environment, because neither is ours to copy. What is read on github.com comes
// from the local forge, which has the repositories of the list.
func TestRealTemplates(t *testing.T) {
	t.Parallel()
	list, repositories := os.Getenv("PORTICO_REAL_TEMPLATES"), os.Getenv("PORTICO_REAL_REPOSITORIES")
	if list == "" || repositories == "" {
		t.Skip("PORTICO_REAL_TEMPLATES and PORTICO_REAL_REPOSITORIES name no templates")
	}
	templates := readList(t, list)
	o := newOnboarding(t, 0)
	registered, outcomes := o.seedReal(templates, repositories)
	o.config = o.configWith(fmt.Sprintf(`
catalog:
  rules: [{ allow: [Component, API, Resource, System, Domain, Group, User, Location, Template] }]
  locations:
    - { type: file, target: examples/catalog/all.yaml }
    - { type: file, target: examples/templates/onboarding/template.yaml }
    - { type: url, target: "%[1]s/demo/real/blob/main/all.yaml" }
kubernetes:
  clusterLocatorMethods:
    - type: config
      clusters:
        - { name: dev, url: %[2]q, authProvider: serviceAccount, serviceAccountToken: %[3]q }
        - { name: local, url: %[2]q, authProvider: serviceAccount, serviceAccountToken: %[3]q }
        - { name: ocp, url: %[2]q, authProvider: serviceAccount, serviceAccountToken: %[3]q }
argocd:
  appLocatorMethods:
    - type: config
      instances:
        - { name: main, url: %[4]q, token: %[5]q }
        - { name: default, url: %[4]q, token: %[5]q }
        - { name: argocd.operate-first.cloud, url: %[4]q, token: %[5]q }
`, o.forge.URL, o.cluster.Proxy(t, o.outside.wrap), o.cluster.Token, o.argocd.URL, argocdtest.Token))
	o.start("worker")
	o.startServing("onboarding")
	filler := o.filler()
	for _, one := range registered {
		outcomes = append(outcomes, o.tryReal(one, filler))
	}
	report(t, outcomes)
}

func readList(t *testing.T, file string) (templates []realTemplate) {
	t.Helper()
	content, err := os.Open(file)
	require.NoError(t, err)
	defer content.Close()
	lines := bufio.NewScanner(content)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var one realTemplate
		require.NoError(t, json.Unmarshal(lines.Bytes(), &one))
		templates = append(templates, one)
	}
	require.NoError(t, lines.Err())
	return templates
}

// seedReal puts the repositories of the templates on the forge, and a location with all templates. Each template is called by its id,
// because the names of several are the same.
func (o *onboarding) seedReal(templates []realTemplate, directory string) (registered []realTemplate, missing []outcomeOf) {
	o.t.Helper()
	var targets []string
	seen := map[string]map[string]string{}
	for _, one := range templates {
		full := one.owner() + "/" + one.name()
		if seen[full] == nil {
			files, err := filesAt(directory, one)
			if err != nil {
				missing = append(missing, outcomeOf{ID: one.ID, Where: one.Repository, Result: "not there", Reason: err.Error()})
				continue
			}
			seen[full] = o.local(files)
		}
		renamed, err := renameTemplate(seen[full][one.Path], one.ID)
		if err != nil {
			missing = append(missing, outcomeOf{ID: one.ID, Where: one.Repository, Result: "not there", Reason: err.Error()})
			continue
		}
		seen[full][one.Path] = renamed
		targets = append(targets, fmt.Sprintf("  - %s/%s/blob/main/%s", o.forge.URL, full, one.Path))
		registered = append(registered, one)
	}
	for _, full := range slices.Sorted(maps.Keys(seen)) {
		owner, name, _ := strings.Cut(full, "/")
		if seen[full] == nil {
			continue
		}
		_ = o.forge.AddOrganization(owner, owner) // it may be there
		require.NoError(o.t, o.forge.AddRepository(owner, name, forge.Content{Files: seen[full]}))
	}
	for _, one := range registered {
		o.seedNamed(one, seen[one.owner()+"/"+one.name()][one.Path])
	}
	all := "apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata: { name: real }\nspec:\n  targets:\n  " + strings.Join(targets, "\n  ") + "\n"
	require.NoError(o.t, o.forge.AddRepository(organization, "real", forge.Content{Files: map[string]string{"all.yaml": all}}))
	return registered, missing
}

// namedRepository is a repository that a template names itself.
var namedRepository = regexp.MustCompile(`\?owner=([\w.-]+)&repo=([\w.-]+)|\?repo=([\w.-]+)&owner=([\w.-]+)|owner=([\w.-]+)`)

// seedNamed creates the organizations that a template names, and the repositories which it changes.
func (o *onboarding) seedNamed(one realTemplate, content string) {
	o.t.Helper()
	files := map[string]string{"README.md": "# Here before\n", "catalog-info.yaml": "apiVersion: backstage.io/v1alpha1\nkind: Component\n" +
		"metadata: { name: before-" + one.ID + " }\nspec: { type: service, lifecycle: production, owner: guests }\n"}
	if !one.makesRepository() {
		require.NoError(o.t, o.forge.AddRepository(organization, "demo-"+one.ID, forge.Content{Files: files}))
	}
	for _, named := range namedRepository.FindAllStringSubmatch(content, -1) {
		owner, name := cmp.Or(named[1], named[4], named[5]), cmp.Or(named[2], named[3])
		_ = o.forge.AddOrganization(owner, owner) // it may be there
		if name != "" && !one.makesRepository() {
			_ = o.forge.AddRepository(owner, name, forge.Content{Files: files}) // as above
		}
	}
}

// filesAt are the files of a repository at the commit of a template, or at the newest one where that is not there.
func filesAt(directory string, one realTemplate) (map[string]string, error) {
	bare := filepath.Join(directory, one.owner()+"+"+one.name())
	if _, err := os.Stat(filepath.Join(bare, "repo")); err == nil {
		bare = filepath.Join(bare, "repo")
	}
	commit := one.Commit
	listed, err := exec.Command("git", "-C", bare, "ls-tree", "-rz", commit).Output()
	if err != nil {
		commit = "HEAD"
		listed, err = exec.Command("git", "-C", bare, "ls-tree", "-rz", commit).Output()
	}
	if err != nil {
		return nil, fmt.Errorf("git ls-tree of %s: %w", one.Repository, err)
	}
	files := map[string]string{}
	var hashes, names []string
	for entry := range strings.SplitSeq(strings.TrimSuffix(string(listed), "\x00"), "\x00") {
		about, name, _ := strings.Cut(entry, "\t")
		if fields := strings.Fields(about); fields[1] == "blob" && fields[0] != "120000" {
			hashes, names = append(hashes, fields[2]), append(names, name)
		}
	}
	batch := exec.Command("git", "-C", bare, "cat-file", "--batch")
	batch.Stdin = strings.NewReader(strings.Join(hashes, "\n") + "\n")
	contents, err := batch.Output()
	if err != nil {
		return nil, fmt.Errorf("git cat-file of %s: %w", one.Repository, err)
	}
	for _, name := range names {
		header, rest, _ := bytes.Cut(contents, []byte("\n"))
		var hash, kind string
		var size int
		if _, err := fmt.Sscan(string(header), &hash, &kind, &size); err != nil {
			contents = rest // a large file, which the copy does not have
			continue
		}
		if size <= 1<<20 {
			files[name] = string(rest[:size])
		}
		contents = rest[size+1:]
	}
	return files, nil
}

// local leads what is on github.com to the forge.
func (o *onboarding) local(files map[string]string) map[string]string {
	replace := strings.NewReplacer("github.com/project-slug", "github.com/project-slug", "github.com/team-slug", "github.com/team-slug", "https://github.com", o.forge.URL, "https://www.github.com", o.forge.URL, "github.com", o.forge.Host)
	for name, content := range files {
		if extension := path.Ext(name); utf8.ValidString(content) && slices.Contains([]string{".yaml", ".yml", ".json", ".njk", ".md"}, extension) {
			files[name] = replace.Replace(content)
		}
	}
	return files
}

// renameTemplate changes the name of the first template of a file.
func renameTemplate(content, name string) (string, error) {
	var documents []string
	renamed := false
	for decoder := yaml.NewDecoder(strings.NewReader(content)); ; {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", fmt.Errorf("template: %w", err)
		}
		root := document.Content[0]
		if kind, metadata := child(root, "kind"), child(root, "metadata"); !renamed && kind != nil && kind.Value == "Template" && child(metadata, "name") != nil {
			child(metadata, "name").SetString(name)
			renamed = true
		}
		encoded, err := yaml.Marshal(&document)
		if err != nil {
			return "", fmt.Errorf("template: %w", err)
		}
		documents = append(documents, string(encoded))
	}
	if !renamed {
		return "", errors.New("there is no template in the file")
	}
	return strings.Join(documents, "---\n"), nil
}

// child is the value of a key of a mapping, nil without one.
func child(of *yaml.Node, key string) *yaml.Node {
	if of == nil || of.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(of.Content); i += 2 {
		if of.Content[i].Value == key {
			return of.Content[i+1]
		}
	}
	return nil
}

// filler fills forms with entities that the catalog has.
func (o *onboarding) filler() formFiller {
	o.t.Helper()
	filler := formFiller{refs: map[string]string{}}
	var entities []struct {
		Kind     string
		Metadata struct{ Name, Namespace string }
	}
	o.until("the catalog", func() bool {
		return o.get("/api/catalog/entities?filter=kind=group,kind=user,kind=system,kind=component,kind=domain,kind=resource,kind=api", &entities) == http.StatusOK && len(entities) > 5
	})
	for _, entity := range entities {
		kind := strings.ToLower(entity.Kind)
		filler.refs[kind] = cmp.Or(filler.refs[kind], kind+":"+entity.Metadata.Namespace+"/"+entity.Metadata.Name)
	}
	return filler
}

// tryReal runs a template, says what came of it, and rolls it back.
func (o *onboarding) tryReal(one realTemplate, filler formFiller) outcomeOf {
	o.t.Helper()
	outcome := outcomeOf{ID: one.ID, Where: one.Repository + "/" + one.Path}
	address := "/api/scaffolder/v2/templates/default/template/" + one.ID + "/parameter-schema"
	var form struct{ Steps []struct{ Schema formSchema } }
	status, answer := 0, []byte(nil)
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until); <-time.After(200 * time.Millisecond) {
		if status, answer = o.exchange(http.MethodGet, address, nil); status == http.StatusOK {
			break
		}
	}
	if status != http.StatusOK {
		outcome.Result, outcome.Reason = "not registered", o.whyUnread(one)
		return outcome
	}
	require.NoError(o.t, json.Unmarshal(answer, &form))
	var pages []formSchema
	for _, step := range form.Steps {
		pages = append(pages, step.Schema)
	}
	filler.name, filler.repoURL, filler.secrets = "demo-"+one.ID, o.repoURL("demo-"+one.ID), map[string]string{"token": o.forge.Token()}
	body := map[string]any{"templateRef": "template:default/" + one.ID, "values": filler.fill(pages), "secrets": filler.secrets}
	status, answer = o.exchange(http.MethodPost, "/api/scaffolder/v2/tasks", body)
	if status != http.StatusCreated {
		outcome.Result, outcome.Reason = "not started", refusedBecause(answer)
		return outcome
	}
	var started struct{ ID string }
	require.NoError(o.t, json.Unmarshal(answer, &started))
	outcome = o.ended(started.ID, outcome)
	if outcome.Result != "waits" {
		o.rollBack(started.ID)
		d := o.awaitPhase(started.ID, "rolledBack", "parked")
		outcome.RolledBack = d.Phase == "rolledBack"
		if !outcome.RolledBack && d.Error != nil {
			outcome.Left = d.Error.Message
		}
	}
	return outcome
}

// refusedBecause is what the API says about the values of a form, a line each.
func refusedBecause(answer []byte) string {
	var refused struct {
		Errors []struct{ Property, Message string }
	}
	if err := json.Unmarshal(answer, &refused); err != nil || len(refused.Errors) == 0 {
		return string(answer)
	}
	var lines []string
	for _, one := range refused.Errors {
		lines = append(lines, one.Property+" "+one.Message)
	}
	return strings.Join(lines, "; ")
}

// whyUnread is what the catalog says about a template that it does not serve.
func (o *onboarding) whyUnread(one realTemplate) string {
	o.t.Helper()
	_, answer := o.exchange(http.MethodGet, "/api/portico/v1/entities/by-name/template/default/"+one.ID+"/explain", nil)
	return string(answer)
}

// ended waits for the end of a run, or cancels one that waits for something that never comes here.
func (o *onboarding) ended(id string, outcome outcomeOf) outcomeOf {
	o.t.Helper()
	for until := time.Now().Add(40 * time.Second); time.Now().Before(until); <-time.After(100 * time.Millisecond) {
		d := o.details(id)
		switch {
		case d.Status == "completed":
			outcome.Result = "completed"
			return outcome
		case d.Status == "failed":
			outcome.Result, outcome.Step = "failed", d.FailedStep
			if d.Error != nil {
				outcome.Reason = d.Error.Message
			}
			return outcome
		}
	}
	outcome.Result, outcome.Reason = "waits", o.historySummary(id)
	o.cancel(id)
	return outcome
}

// varying is what differs between reasons that are the same.
var varying = regexp.MustCompile(`t\d{3}|127\.0\.0\.1:\d+|[0-9a-f]{8}-[0-9a-f-]{27}|"[^"]*"|'[^']*'`)

func report(t *testing.T, outcomes []outcomeOf) {
	t.Helper()
	results, reasons := map[string]int{}, map[string]int{}
	for _, one := range outcomes {
		results[one.Result]++
		if one.Result != "completed" {
			reasons[one.Result+": "+varying.ReplaceAllString(one.Reason, "…")]++
		}
		encoded, err := json.Marshal(one)
		require.NoError(t, err)
		t.Log(string(encoded))
	}
	for _, reason := range slices.SortedFunc(maps.Keys(reasons), func(a, b string) int { return reasons[b] - reasons[a] }) {
		t.Logf("%3d %.300s", reasons[reason], reason)
	}
	rolledBack := 0
	for _, one := range outcomes {
		if one.RolledBack {
			rolledBack++
		}
	}
	t.Logf("%d templates: %v; %d rolled back to nothing", len(outcomes), results, rolledBack)
}
