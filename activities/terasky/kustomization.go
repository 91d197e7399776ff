package terasky

import (
	"errors"
	"io/fs"
	"path"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
	"github.com/portico-dev/portico/scaffolder/workspace"
)

// maxKustomization bounds a kustomization.yaml that is read.
const maxKustomization = 1 << 20

// kustomize adds the manifests to the kustomization.yaml of their directories, if that is asked.
func (m *manifest) kustomize(call *action.Call) error {
	if !m.Kustomization {
		return nil
	}
	for _, cluster := range m.Clusters {
		file := m.place(cluster)
		name := path.Join(path.Dir(file), "kustomization.yaml")
		listed, err := resources(call, name)
		if err != nil {
			return err
		}
		if !slices.Contains(listed, path.Base(file)) {
			listed = append(listed, path.Base(file))
		}
		items := &nunjucks.Array{}
		for _, one := range listed {
			items.Items = append(items.Items, one)
		}
		text := dump(members("apiVersion", "kustomize.config.k8s.io/v1beta1", "kind", "Kustomization", "resources", items), 0)
		if _, err := write(call, name, "---\n"+text); err != nil {
			return err
		}
	}
	return nil
}

// resources are the resources that a kustomization.yaml of the workspace lists, none when there is none.
func resources(call *action.Call, name string) ([]string, error) {
	info, err := call.Workspace.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, workspace.ExplainPath(name, err)
	case info.Size() > maxKustomization:
		return nil, action.InputError("%s has more than %d MiB", name, maxKustomization>>20)
	}
	content, err := call.Workspace.ReadFile(name)
	if err != nil {
		return nil, workspace.ExplainPath(name, err)
	}
	var listed struct {
		Resources []string `yaml:"resources"`
	}
	if err := yaml.Unmarshal(content, &listed); err != nil {
		return nil, action.InputError("%s cannot be read: %w", name, err)
	}
	return listed.Resources, nil
}
