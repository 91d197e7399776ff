package kubernetes

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	clusters "github.com/portico-dev/portico/integration/kubernetes"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/workspace"
)

// What one step may apply.
const (
	maxManifestBytes = 4 << 20
	maxObjects       = 500
)

// manifests are the inputs that hold objects: exactly one of them is given.
type manifests struct {
	// Manifest is a text, an object, or a list of objects.
	Manifest       json.RawMessage `json:"manifest"`
	ManifestString string          `json:"manifestString"`
	ManifestObject json.RawMessage `json:"manifestObject"`
	// ManifestPath is a file of the workspace, or a directory of files. ManifestFile is another name of it.
	ManifestPath string `json:"manifestPath"`
	ManifestFile string `json:"manifestFile"`
}

// usesFiles says that the objects are in the workspace.
func (m manifests) usesFiles() bool { return m.ManifestPath+m.ManifestFile != "" }

// read returns the objects in the order of their author.
func (m manifests) read(root *os.Root) ([]*unstructured.Unstructured, error) {
	var texts [][]byte
	for name, given := range map[string]string{"manifestPath": m.ManifestPath, "manifestFile": m.ManifestFile} {
		if given == "" {
			continue
		}
		files, err := readFiles(root, given)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		texts = append(texts, bytes.Join(files, []byte("\n---\n")))
	}
	if m.ManifestString != "" {
		texts = append(texts, []byte(m.ManifestString))
	}
	for _, given := range []json.RawMessage{m.Manifest, m.ManifestObject} {
		if text := documentsOf(given); len(text) > 0 {
			texts = append(texts, text)
		}
	}
	if len(texts) != 1 {
		return nil, action.InputError("The step needs exactly one of manifest, manifestString, manifestObject and manifestPath, and has %d of them.", len(texts))
	}
	return parse(texts[0])
}

// documentsOf is an input as a text with documents.
func documentsOf(given json.RawMessage) []byte {
	var text string
	if json.Unmarshal(given, &text) == nil {
		return []byte(text)
	}
	var list []json.RawMessage
	if json.Unmarshal(given, &list) != nil {
		return given
	}
	documents := make([][]byte, len(list))
	for n, one := range list {
		documents[n] = documentsOf(one)
	}
	return bytes.Join(documents, []byte("\n---\n"))
}

// readFiles reads a file of the workspace, or the manifests in a directory, sorted by their names.
func readFiles(root *os.Root, name string) ([][]byte, error) {
	within, err := workspace.Resolve(root, name)
	if err != nil {
		return nil, err
	}
	info, err := root.Stat(within)
	if err != nil {
		return nil, workspace.ExplainPath(name, err)
	}
	names := []string{within}
	if info.IsDir() {
		if names, err = manifestsBelow(root, within); err != nil {
			return nil, workspace.ExplainPath(name, err)
		}
	}
	var files [][]byte
	size := 0
	for _, each := range names {
		content, err := readBounded(root, each)
		if err != nil {
			return nil, workspace.ExplainPath(each, err)
		}
		if size += len(content); size > maxManifestBytes {
			return nil, action.InputError("The manifests of a step may have %d MiB, and these have more. Apply them in several steps.", maxManifestBytes>>20)
		}
		files = append(files, content)
	}
	return files, nil
}

func readBounded(root *os.Root, name string) ([]byte, error) {
	file, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxManifestBytes+1))
}

// manifestsBelow are the files with manifests in a directory, also in those below.
func manifestsBelow(root *os.Root, directory string) ([]string, error) {
	var names []string
	err := fs.WalkDir(root.FS(), directory, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() && slices.Contains([]string{".yaml", ".yml", ".json"}, path.Ext(name)) {
			names = append(names, name)
		}
		return err
	})
	if err == nil && len(names) == 0 {
		err = action.InputError("%s has no files with manifests: their names end in .yaml, .yml or .json", directory)
	}
	return names, err
}

// parse reads the documents of a text. Lists become their items.
func parse(text []byte) ([]*unstructured.Unstructured, error) {
	if len(text) > maxManifestBytes {
		return nil, action.InputError("The manifests of a step may have %d MiB, and these have more. Apply them in several steps.", maxManifestBytes>>20)
	}
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	var objects []*unstructured.Unstructured
	for number := 1; ; number++ {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, action.InputError("document %d of the manifests: %w", number, err)
		}
		found, err := parseDocument(document)
		if err != nil {
			return nil, action.InputError("document %d of the manifests: %w", number, err)
		}
		objects = append(objects, found...)
	}
	switch {
	case len(objects) == 0:
		return nil, action.InputError("The manifests have no objects.")
	case len(objects) > maxObjects:
		return nil, action.InputError("The manifests have %d objects, and a step may apply %d. Apply them in several steps.", len(objects), maxObjects)
	}
	return objects, checkDuplicates(objects)
}

func parseDocument(document []byte) ([]*unstructured.Unstructured, error) {
	encoded, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return nil, err
	}
	if string(encoded) == "null" {
		return nil, nil // an empty document, or only comments
	}
	if !bytes.HasPrefix(encoded, []byte("{")) {
		return nil, errors.New("it is no object of Kubernetes, which has apiVersion, kind and metadata")
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(encoded); err != nil {
		return nil, errors.New("it is no object of Kubernetes, which has apiVersion, kind and metadata")
	}
	if !object.IsList() {
		return []*unstructured.Unstructured{object}, checkObject(object)
	}
	var items []*unstructured.Unstructured
	err = object.EachListItem(func(item runtime.Object) error {
		one, is := item.(*unstructured.Unstructured)
		if !is {
			return errors.New("the list has an item that is no object of Kubernetes")
		}
		items = append(items, one)
		return checkObject(one)
	})
	return items, err
}

// checkObject checks what every object needs.
func checkObject(object *unstructured.Unstructured) error {
	if object.GetAPIVersion() == "" || object.GetKind() == "" {
		return errors.New("it has no apiVersion or no kind")
	}
	if object.GetName() == "" {
		return fmt.Errorf("the %s has no metadata.name, which it needs: with generateName, every attempt would make another one", object.GetKind())
	}
	// What the server sets is left out, as in a manifest that was read from a cluster.
	object.SetManagedFields(nil)
	object.SetResourceVersion("")
	object.SetUID("")
	unstructured.RemoveNestedField(object.Object, "metadata", "creationTimestamp")
	unstructured.RemoveNestedField(object.Object, "status")
	return encodeSecret(object)
}

// encodeSecret puts the stringData of a Secret into its data, as the server does. The server would not say afterwards
// who manages it.
func encodeSecret(object *unstructured.Unstructured) error {
	texts, has, err := unstructured.NestedStringMap(object.Object, "stringData")
	if object.GetKind() != "Secret" || object.GetAPIVersion() != "v1" || !has && err == nil {
		return nil
	}
	if err != nil {
		return errors.New("the stringData of the Secret has a value that is no text")
	}
	data, _, err := unstructured.NestedStringMap(object.Object, "data")
	if err != nil {
		return errors.New("the data of the Secret has a value that is no text")
	}
	if data == nil {
		data = map[string]string{}
	}
	for name, value := range texts {
		data[name] = base64.StdEncoding.EncodeToString([]byte(value))
	}
	unstructured.RemoveNestedField(object.Object, "stringData")
	return unstructured.SetNestedStringMap(object.Object, data, "data")
}

func checkDuplicates(objects []*unstructured.Unstructured) error {
	seen := map[string]bool{}
	for _, object := range objects {
		name := object.GroupVersionKind().GroupKind().String() + " " + object.GetNamespace() + "/" + object.GetName()
		if seen[name] {
			return action.InputError("The manifests have %s twice.", titleOf(object))
		}
		seen[name] = true
	}
	return nil
}

// titleOf names an object for people: "ConfigMap shop/settings".
func titleOf(object *unstructured.Unstructured) string {
	name := object.GetName()
	if object.GetNamespace() != "" {
		name = object.GetNamespace() + "/" + name
	}
	return object.GetKind() + " " + name
}

// item is an object with where it is in the cluster.
type item struct {
	object   *unstructured.Unstructured
	resource schema.GroupVersionResource
	// defined says that a CustomResourceDefinition of the same step defines its kind.
	defined bool
}

func (i item) title() string { return titleOf(i.object) }

// locate finds out where the objects are in the cluster, and puts those without a namespace into the given one. It makes
// sure that nothing is outside of a namespace that the step names: permissions rely on that.
func locate(ctx context.Context, client *clusters.Client, objects []*unstructured.Unstructured, namespace string) ([]item, error) {
	items := make([]item, 0, len(objects))
	for _, object := range objects {
		located, namespaced, err := locateOne(ctx, client, object, objects)
		if err != nil {
			return nil, err
		}
		if err := enterNamespace(object, namespaced, namespace); err != nil {
			return nil, err
		}
		items = append(items, located)
	}
	return items, nil
}

func locateOne(ctx context.Context, client *clusters.Client, object *unstructured.Unstructured, all []*unstructured.Unstructured) (item, bool, error) {
	kind := object.GroupVersionKind()
	mapping, err := client.Mapping(ctx, kind)
	if err == nil {
		return item{object: object, resource: mapping.Resource}, mapping.Namespaced, nil
	}
	if meta.IsNoMatchError(err) {
		for _, definition := range all {
			if plural, scope, defines := definedBy(definition, kind); defines {
				return item{object, kind.GroupVersion().WithResource(plural), true}, scope == "Namespaced", nil
			}
		}
	}
	return item{}, false, action.Classify(client.Explain(ctx, err, "looking for the kind of "+titleOf(object)))
}

// definedBy says whether an object is the CustomResourceDefinition of a kind.
func definedBy(definition *unstructured.Unstructured, kind schema.GroupVersionKind) (plural, scope string, defines bool) {
	if definition.GetKind() != "CustomResourceDefinition" {
		return "", "", false
	}
	text := func(path ...string) string {
		value, _, _ := unstructured.NestedString(definition.Object, path...)
		return value
	}
	if text("spec", "group") != kind.Group || text("spec", "names", "kind") != kind.Kind {
		return "", "", false
	}
	return text("spec", "names", "plural"), text("spec", "scope"), true
}

func enterNamespace(object *unstructured.Unstructured, namespaced bool, namespace string) error {
	own := object.GetNamespace()
	switch {
	case !namespaced && namespace != "" && (object.GetKind() != "Namespace" || object.GetName() != namespace):
		return action.InputError("%s is not in a namespace, and the step is for the namespace %s only. Leave the step's namespace out, or apply it in another step.",
			titleOf(object), namespace)
	case !namespaced:
		object.SetNamespace("")
	case own == "" && namespace == "":
		object.SetNamespace("default")
	case own == "":
		object.SetNamespace(namespace)
	case namespace != "" && own != namespace:
		return action.InputError("%s is for another namespace than the step, which is for %s only.", titleOf(object), namespace)
	}
	return nil
}

// stages are the items in the order in which they are applied: what others need first, then the rest as its author has
// it, and at the end what may stand in the way of others.
func stages(items []item) [][]item {
	sorted := make([][]item, 3)
	for _, each := range items {
		at := 1
		switch {
		case isBasis(each.object.GetKind()):
			at = 0
		case strings.HasSuffix(each.object.GetKind(), "WebhookConfiguration") || each.object.GetKind() == "APIService":
			at = 2
		}
		sorted[at] = append(sorted[at], each)
	}
	return slices.DeleteFunc(sorted, func(stage []item) bool { return len(stage) == 0 })
}

// isBasis says that objects of a kind have to be complete before others can be applied.
func isBasis(kind string) bool { return kind == "Namespace" || kind == "CustomResourceDefinition" }
