package terasky

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// writeManifest is terasky:crd-template, or terasky:claim-template.
type writeManifest struct {
	action.NoEffects

	options Options
	isClaim bool
}

// Describe lists the action with the published schemas.
func (a writeManifest) Describe() action.Description {
	described := action.Description{
		ID: "terasky:crd-template", Description: "Writes the manifest of a custom resource of Kubernetes from the values of a form, once for each cluster.",
		InputSchema: schema("crd.input"), OutputSchema: schema("crd.output"), Quick: true, UsesWorkspace: true,
		Differences: []string{"The log does not repeat the parameters when they are longer than 4096 characters."},
		Examples: []action.Example{
			{Description: "A database for two clusters", Example: `steps:
  - id: manifest
    name: Write the manifest
    action: terasky:crd-template
    input:
      parameters:
        name: ${{ parameters.name }}
        namespace: ${{ parameters.namespace }}
        size: 3
      nameParam: name
      namespaceParam: namespace
      excludeParams:
        - name
        - namespace
      apiVersion: example.org/v1
      kind: Database
      clusters:
        - test
        - production
      removeEmptyParams: true
`},
		},
	}
	if !a.isClaim {
		return described
	}
	described.ID, described.Description = "terasky:claim-template", "Writes the manifest of a claim of Crossplane from the values of a form, once for each cluster."
	described.InputSchema, described.OutputSchema = schema("claim.input"), schema("claim.output")
	described.Differences = append(described.Differences,
		"The defaults of `nameParam`, `namespaceParam` and `excludeParams` count. The plugin lists them and fails without these inputs.",
		"`generateKustomization` adds to a kustomization.yaml of the workspace. The plugin reads the one of the repository, with the token of the integration.")
	described.Examples = []action.Example{
		{Description: "A claim, and where it will be in Git", Example: `steps:
  - id: claim
    name: Write the claim
    action: terasky:claim-template
    input:
      parameters:
        xrName: ${{ parameters.name }}
        xrNamespace: ${{ parameters.namespace }}
        owner: ${{ parameters.owner }}
        size: large
      ownerParam: owner
      apiVersion: example.org/v1
      kind: Database
      clusters:
        - production
      removeEmptyParams: true
`},
	}
	return described
}

// manifestInput is the input of both actions.
type manifestInput struct {
	Parameters     json.RawMessage `json:"parameters"`
	NameParam      *string         `json:"nameParam"`
	NamespaceParam *string         `json:"namespaceParam"`
	OwnerParam     any             `json:"ownerParam"`
	ExcludeParams  []string        `json:"excludeParams"`
	APIVersion     string          `json:"apiVersion"`
	Kind           string          `json:"kind"`
	Clusters       []string        `json:"clusters"`
	RemoveEmpty    bool            `json:"removeEmptyParams"`
	FieldOrder     []string        `json:"specFieldOrder"`
	PathTemplate   string          `json:"xrdPathTemplate"`
	Kustomization  bool            `json:"generateKustomization"`
}

// withDefaults fills in what the schema of the claims says.
func (i *manifestInput) withDefaults() {
	if i.NameParam == nil {
		i.NameParam = new("xrName")
	}
	if i.NamespaceParam == nil {
		i.NamespaceParam = new("xrNamespace")
	}
	if i.ExcludeParams == nil {
		i.ExcludeParams = []string{"xrName", "xrNamespace", "clusters", "targetBranch", "repoUrl", "_editData", "showAdvancedSettings"}
	}
}

// Run writes the manifests.
func (a writeManifest) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	ctx, leave := a.options.Enter(ctx)
	defer leave()
	m := manifest{options: a.options, isClaim: a.isClaim}
	if err := call.Decode(&m.manifestInput); err != nil {
		return nil, err
	}
	if m.isClaim {
		m.withDefaults()
	}
	var err error
	if m.form, err = object(ctx, "parameters", m.Parameters); err != nil {
		return nil, err
	}
	if m.isClaim {
		announce(call, "Running example template with parameters: %s", m.form)
	} else {
		announce(call, "Running CRD template with parameters: %s", m.form)
	}
	m.read()
	files := []string{}
	text := ""
	for _, cluster := range m.Clusters {
		if text, err = m.text(cluster); err != nil {
			return nil, err
		}
		file, err := write(call, m.place(cluster), text)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	output := action.Output{"manifest": text, "filePaths": files}
	if !m.isClaim {
		return output, nil
	}
	output["manifestEncoded"] = base64.StdEncoding.EncodeToString([]byte(text))
	return output, m.kustomize(call)
}

// manifest is what one step writes.
type manifest struct {
	manifestInput

	options Options
	isClaim bool
	// form are the values of the form, spec those that the manifest gets, and source where it will be.
	form, spec, source *nunjucks.Object
	// repository and layout are from the source, and directory is the one of the layout custom.
	repository, layout, directory string
	branch                        nunjucks.Value
}

// read works out the spec and the source.
func (m *manifest) read() {
	m.source = nunjucks.NewObject()
	m.branch = orElse(get(m.form, "targetBranch"), m.options.Branch)
	repository := orElse(get(m.form, "repoUrl"), m.options.RepoURL)
	m.repository, _ = repository.(string)
	layout, basePath := get(m.form, "manifestLayout"), m.basePath()
	if m.PathTemplate != "" {
		layout, basePath = "custom", ""
	}
	m.layout, _ = layout.(string)
	m.directory = textOf(basePath)
	for key, value := range members("pushToGit", get(m.form, "pushToGit"), "gitBranch", m.branch, "gitRepo", repository, "gitLayout", layout, "basePath", basePath).All() {
		if value != nunjucks.Undefined {
			m.source.Set(key, value)
		}
	}
	m.spec = over(nunjucks.NewObject(), m.form)
	m.exclude()
	if m.RemoveEmpty {
		removeEmpty(m.spec)
	}
	m.order()
}

// orElse is a value of the form, or the configured one. "" stands for none.
func orElse(value nunjucks.Value, configured string) nunjucks.Value {
	switch {
	case nunjucks.IsTruthy(value):
		return value
	case configured != "":
		return configured
	}
	return nunjucks.Undefined
}

// basePath is the directory that the source names.
func (m *manifest) basePath() nunjucks.Value {
	switch get(m.form, "manifestLayout") {
	case "custom":
		return get(m.form, "basePath")
	case "namespace-scoped":
		return textOf(m.value(m.NamespaceParam, "namespace"))
	}
	scope := "cluster-scoped"
	if m.isClaim {
		scope = textOf(m.value(m.NamespaceParam, ""))
	}
	return m.Clusters[0] + "/" + scope + "/" + m.Kind
}

// value is the value of the parameter that an input names, or that of another parameter where it names none.
func (m *manifest) value(name *string, otherwise string) nunjucks.Value {
	if name == nil {
		return get(m.form, otherwise)
	}
	return get(m.form, *name)
}

// textOf is a value as JavaScript writes it into a text.
func textOf(value nunjucks.Value) string {
	switch value := value.(type) {
	case string:
		return value
	case nil:
		return "null"
	}
	if value == nunjucks.Undefined {
		return "undefined"
	}
	encoded, err := nunjucks.EncodeJSON(value)
	if err != nil {
		return ""
	}
	return string(encoded)
}

// advanced is a switch of TeraSky's forms that no manifest has.
const advanced = "showAdvancedSettings"

// exclude removes the parameters that the manifest does not get. For a claim, a name has dots between its keys.
func (m *manifest) exclude() {
	for _, name := range m.ExcludeParams {
		if !m.isClaim {
			m.spec.Delete(name)
			continue
		}
		keys, within := strings.Split(name, "."), m.spec
		for _, key := range keys[:len(keys)-1] {
			if within, _ = get(within, key).(*nunjucks.Object); within == nil {
				break
			}
		}
		if within != nil && name != advanced {
			within.Delete(keys[len(keys)-1])
		}
	}
	if m.isClaim {
		removeEverywhere(m.spec, advanced)
	}
}

// removeEverywhere removes a key from a value, at any depth.
func removeEverywhere(value nunjucks.Value, key string) {
	switch value := value.(type) {
	case *nunjucks.Object:
		value.Delete(key)
		for _, member := range value.All() {
			removeEverywhere(member, key)
		}
	case *nunjucks.Array:
		for _, item := range value.Items {
			removeEverywhere(item, key)
		}
	}
}

// removeEmpty removes what is empty from an object, at any depth. Of a list that keeps an item, empty ones become null.
func removeEmpty(from *nunjucks.Object) {
	for _, key := range slices.Clone(from.Keys()) {
		if isEmpty(get(from, key)) {
			from.Delete(key)
		}
	}
}

// isEmpty reports whether nothing is left of a value.
func isEmpty(value nunjucks.Value) bool {
	switch value := value.(type) {
	case nil:
		return true
	case string:
		return value == ""
	case *nunjucks.Object:
		removeEmpty(value)
		return value.Len() == 0
	case *nunjucks.Array:
		left := 0
		for i, item := range value.Items {
			if isEmpty(item) {
				value.Items[i] = nil
			} else {
				left++
			}
		}
		return left == 0
	}
	return value == nunjucks.Undefined
}

// order puts the fields that the input lists first.
func (m *manifest) order() {
	ordered := nunjucks.NewObject()
	for _, key := range m.FieldOrder {
		if value := get(m.spec, key); value != nunjucks.Undefined {
			ordered.Set(key, value)
		}
	}
	m.spec = over(ordered, m.spec)
}

// place is the file of a cluster's manifest.
func (m *manifest) place(cluster string) string {
	name := textOf(m.value(m.NameParam, "")) + ".yaml"
	layout := m.layout
	if !m.isClaim {
		layout = "" // what is pushed has the layout, see link
	}
	return m.file(layout, cluster, name)
}

func (m *manifest) file(layout, cluster, name string) string {
	namespace := m.value(m.NamespaceParam, "")
	scope := textOf(namespace)
	if !nunjucks.IsTruthy(namespace) || !m.isClaim && scope == "xrNamespace" {
		scope = "cluster-scoped"
	}
	switch layout {
	case "namespace-scoped":
		return path.Join(scope, m.Kind, name)
	case "custom":
		return path.Join(m.directory, name)
	}
	return path.Join(cluster, scope, m.Kind, name)
}

// text is the manifest for a cluster.
func (m *manifest) text(cluster string) (string, error) {
	source, err := nunjucks.EncodeJSON(m.source)
	if err != nil {
		return "", fmt.Errorf("encode the source of the manifest: %w", err)
	}
	link, err := m.link(cluster)
	if err != nil {
		return "", err
	}
	owner := nunjucks.Value(nunjucks.Undefined)
	if name, is := m.OwnerParam.(string); is {
		owner = get(m.form, name)
	}
	namespace, prefix := m.value(m.NamespaceParam, ""), m.options.AnnotationPrefix+"/"
	annotations := members(prefix+"source-info", string(source), prefix+"add-to-catalog", "true", prefix+"owner", owner,
		prefix+"system", m.value(m.NamespaceParam, "namespace"))
	if link != "" {
		annotations.Set(prefix+"source-file-url", link)
	}
	name := m.value(m.NameParam, "")
	if !m.isClaim {
		metadata := members("name", name, "namespace", namespace, "annotations", annotations)
		if m.NamespaceParam == nil {
			metadata.Delete("namespace")
		}
		return dump(members("apiVersion", m.APIVersion, "kind", m.Kind, "metadata", metadata, "spec", m.spec), width), nil
	}
	metadata := members("annotations", annotations, "name", name)
	if nunjucks.IsTruthy(namespace) {
		metadata.Set("namespace", namespace)
	}
	return dump(members("apiVersion", m.APIVersion, "kind", m.Kind, "metadata", metadata, "spec", m.spec), 0), nil
}

// link is where people will see the manifest in Git, "" when it is not pushed.
func (m *manifest) link(cluster string) (string, error) {
	if !nunjucks.IsTruthy(get(m.form, "pushToGit")) || m.isClaim && m.repository == "" {
		return "", nil
	}
	name := textOf(m.value(m.NameParam, "")) + ".yaml"
	file, target := m.file(m.layout, cluster, name), m.options.CRDTarget
	if m.isClaim {
		target = m.options.Target
	}
	if m.PathTemplate != "" {
		directory, err := m.directoryOfTemplate()
		if err != nil {
			return "", err
		}
		file = directory + "/" + name
	}
	parsed, err := url.Parse("https://" + m.repository)
	if err != nil {
		return "", action.InputError("repoUrl %s cannot be read", m.repository)
	}
	owner, repo := parsed.Query().Get("owner"), parsed.Query().Get("repo")
	if owner == "" || repo == "" {
		return "", nil
	}
	return fmt.Sprintf(formOf(target), parsed.Host, owner, repo, textOf(m.branch), file), nil
}

// formOf is the form of the addresses of files on a kind of host: of the host, the owner, the repository, the branch and
// the file.
func formOf(target string) string {
	switch strings.ToLower(target) {
	case "gitlab":
		return "https://%s/%s/%s/-/blob/%s/%s"
	case "bitbucketcloud":
		return "https://%s/%s/%s/src/%s/%s"
	case "bitbucket":
		return "https://%[1]s/projects/%[2]s/repos/%[3]s/browse/%[5]s?at=%[4]s"
	}
	return "https://%s/%s/%s/blob/%s/%s"
}

// directoryOfTemplate fills in the parts of xrdPathTemplate that are parameters: presets/{region}/{xrName}.
func (m *manifest) directoryOfTemplate() (string, error) {
	parts := strings.FieldsFunc(m.PathTemplate, func(r rune) bool { return r == '/' || r == '\\' })
	for i, part := range parts {
		for strings.Contains(parts[i], "{") {
			before, rest, _ := strings.Cut(parts[i], "{")
			name, after, closed := strings.Cut(rest, "}")
			if !closed {
				break
			}
			value := strings.NewReplacer("/", "-", `\`, "-").Replace(strings.TrimSpace(strings.ToLower(textOf(get(m.form, name)))))
			parts[i] = before + strings.ReplaceAll(value, "{", "") + after
		}
		if strings.Trim(parts[i], ".") == "" {
			return "", action.InputError("xrdPathTemplate: the part '%s' becomes '%s', which is no directory", part, parts[i])
		}
	}
	return strings.Join(parts, "/"), nil
}
