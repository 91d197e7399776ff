// Package terasky holds the actions of TeraSky's utilities that write manifests from the values of a form:
// terasky:claim-template, terasky:crd-template and terasky:catalog-info-cleaner. They write into the workspace only.
package terasky

import (
	"context"
	"embed"
	"encoding/json"
	"path"
	"path/filepath"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
	"github.com/portico-dev/portico/scaffolder/workspace"
)

//go:embed schema/*.json
var schemas embed.FS

// schema is a schema by the name of its file.
func schema(name string) json.RawMessage {
	content, err := schemas.ReadFile("schema/" + name + ".json")
	if err != nil {
		panic(err) // the name is written in this package
	}
	return content
}

// Options are the settings of the actions: those of TeraSky's plugin kubernetesIngestor.
type Options struct {
	// AnnotationPrefix is the beginning of the annotations, "" for terasky.backstage.io.
	AnnotationPrefix string
	// Branch and RepoURL are where manifests are pushed when the form does not say, and Target is the kind of its host.
	// CRDTarget is that for terasky:crd-template.
	Branch, RepoURL, Target, CRDTarget string
	// Enter limits the memory of what is read and made under the returned context; nil sets no limit.
	Enter func(ctx context.Context) (entered context.Context, leave func())
}

// Actions are the actions of this package.
func Actions(options Options) []action.Action {
	if options.AnnotationPrefix == "" {
		options.AnnotationPrefix = "terasky.backstage.io"
	}
	if options.Enter == nil {
		options.Enter = func(ctx context.Context) (context.Context, func()) { return ctx, func() {} }
	}
	return []action.Action{cleanCatalogInfo{options: options}, writeManifest{options: options}, writeManifest{options: options, isClaim: true}}
}

// object decodes a JSON object, with its keys in their order.
func object(ctx context.Context, name string, encoded json.RawMessage) (*nunjucks.Object, error) {
	value, err := nunjucks.DecodeJSONWithin(ctx, encoded)
	if err != nil {
		return nil, action.InputError("%s cannot be read: %w", name, err)
	}
	decoded, is := value.(*nunjucks.Object)
	if !is {
		return nil, action.InputError("%s is no object", name)
	}
	return decoded, nil
}

// members makes an object of keys and values in turn.
func members(pairs ...nunjucks.Value) *nunjucks.Object {
	made := nunjucks.NewObject()
	for i := 0; i+1 < len(pairs); i += 2 {
		key, _ := pairs[i].(string) // the callers pass texts
		made.Set(key, pairs[i+1])
	}
	return made
}

// get is a member of an object, which need not be one; undefined where it is not there.
func get(value nunjucks.Value, key string) nunjucks.Value {
	if from, is := value.(*nunjucks.Object); is {
		if found, has := from.Get(key); has {
			return found
		}
	}
	return nunjucks.Undefined
}

// over sets the members of an object in another one.
func over(into *nunjucks.Object, value nunjucks.Value) *nunjucks.Object {
	if from, is := value.(*nunjucks.Object); is {
		for key, member := range from.All() {
			into.Set(key, member)
		}
	}
	return into
}

// write writes a file of the workspace, and returns its full path.
func write(call *action.Call, name, content string) (string, error) {
	resolved, err := workspace.Resolve(call.Workspace, name)
	if err != nil {
		return "", err
	}
	if err := call.Workspace.MkdirAll(path.Dir(resolved), 0o755); err != nil {
		return "", workspace.ExplainPath(name, err)
	}
	if err := call.Workspace.WriteFile(resolved, []byte(content), 0o644); err != nil {
		return "", workspace.ExplainPath(name, workspace.ExplainDisk(err))
	}
	full := filepath.Join(call.Workspace.Name(), resolved)
	call.Log.Info("Manifest written to %s", full)
	return full, nil
}
