package kubernetes

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/catalog/provider/internal/whole"
)

const (
	defaultPrefix = "terasky.backstage.io"
	defaultOwner  = "kubernetes-auto-ingested"
)

// Models of the plugin: what names are made of.
const (
	modelCluster          = "cluster"
	modelNamespace        = "namespace"
	modelClusterNamespace = "cluster-namespace"
	modelNameCluster      = "name-cluster"
	modelNameNamespace    = "name-namespace"
	modelNameKind         = "name-kind"
	modelSame             = "same"
)

// Backstage's annotations.
const (
	annotationCluster   = "backstage.io/kubernetes-cluster"
	annotationNamespace = "backstage.io/kubernetes-namespace"
	annotationSelector  = "backstage.io/kubernetes-label-selector"
	annotationSource    = "backstage.io/source-location"
	annotationDocs      = "backstage.io/techdocs-ref"
	annotationArgo      = "argocd/app-name"
)

// private are annotations of workloads that no entity gets: the whole manifest, which may have passwords, and what changes
// with each rollout.
var private = []string{"kubectl.kubernetes.io/last-applied-configuration", "deployment.kubernetes.io/revision"}

// key is the name of one of the plugin's annotations.
func (p *Provider) key(name string) string {
	return cmp.Or(p.configured.AnnotationPrefix, defaultPrefix) + "/" + name
}

// said is what a workload says in one of the plugin's annotations.
func (p *Provider) said(of workload, name string) string { return of.annotations[p.key(name)] }

// entitiesOf are the entities in the order of their references, each once.
func (p *Provider) entitiesOf(found []workload, page *provider.Page) []provider.Entity {
	var entities []provider.Entity
	systems := map[entity.Ref][]workload{}
	for _, one := range found {
		made := p.entityOf(one)
		if err := entity.Validate(made); err != nil {
			page.Remark("%s is left out: %s", p.location(one).Target, err)
			continue
		}
		entities = append(entities, provider.Entity{Entity: made, Location: p.location(one)})
		ref := p.systemRef(one)
		systems[ref] = append(systems[ref], one)
	}
	for _, ref := range slices.SortedFunc(maps.Keys(systems), func(a, b entity.Ref) int { return strings.Compare(a.String(), b.String()) }) {
		made := p.systemOf(ref, systems[ref])
		if err := entity.Validate(made); err != nil {
			page.Remark("%s is left out: %s", ref, err)
			continue
		}
		entities = append(entities, provider.Entity{Entity: made, Location: entity.LocationSpec{Type: "kubernetes", Target: p.cluster.Name}})
	}
	return whole.Sorted(entities, func(left, other provider.Entity) {
		page.Remark("%s is left out, because %s is %s too: set kubernetesIngestor.mappings.nameModel, or its annotation %s", left.Location.Target,
			other.Location.Target, left.Ref(), p.key("name"))
	})
}

// location is where the workload is: the cluster and the path of the object.
func (p *Provider) location(of workload) entity.LocationSpec {
	return entity.LocationSpec{Type: "kubernetes", Target: p.cluster.Name + pathOf(of)}
}

// pathOf is the path of an object at its API server.
func pathOf(of workload) string {
	path := "/apis/" + of.resource.Group
	if of.resource.Group == "" {
		path = "/api"
	}
	path += "/" + of.resource.Version
	if of.namespace != "" {
		path += "/namespaces/" + of.namespace
	}
	return path + "/" + of.resource.Resource + "/" + of.name
}

func (p *Provider) entityOf(of workload) entity.Entity {
	metadata := map[string]any{
		"name":        cmp.Or(p.said(of, "name"), p.modelled(p.configured.Mappings.NameModel, of)),
		"namespace":   p.namespaceOf(of),
		"title":       cmp.Or(p.said(of, "title"), p.modelled(p.configured.Mappings.TitleModel, of)),
		"description": cmp.Or(p.said(of, "description"), of.kind+" "+of.name+" from "+p.cluster.Name),
		"annotations": p.annotationsOf(of),
		"tags":        tagsOf("cluster:"+p.cluster.Name, "kind:"+of.kind),
	}
	if links := p.linksOf(of); len(links) > 0 {
		metadata["links"] = links
	}
	kind := "Resource"
	if of.isComponent {
		kind = "Component"
	}
	return entity.Entity{"apiVersion": "backstage.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": p.specOf(of)}
}

func (p *Provider) specOf(of workload) map[string]any {
	spec := map[string]any{
		"type":      cmp.Or(p.said(of, "component-type"), of.spec, "service"),
		"lifecycle": cmp.Or(p.said(of, "lifecycle"), "production"),
		"owner":     p.ownerOf(of, p.said(of, "owner")),
		"system":    cmp.Or(p.said(of, "system"), p.systemRef(of).Namespace+"/"+p.systemRef(of).Name),
	}
	lists := []string{"dependsOn"}
	if of.isComponent {
		lists = append(lists, "providesApis", "consumesApis")
		if parent := p.said(of, "subcomponent-of"); parent != "" {
			spec["subcomponentOf"] = parent
		}
	}
	for _, list := range lists {
		if refs := separated(p.said(of, list)); len(refs) > 0 {
			spec[list] = refs
		}
	}
	return spec
}

// ownerOf is the reference of an owner: a name without a namespace is in that of references.
func (p *Provider) ownerOf(of workload, said string) string {
	owner := cmp.Or(said, p.configured.DefaultOwner, defaultOwner)
	if strings.ContainsAny(owner, ":/") {
		return owner
	}
	namespace := entity.DefaultNamespace
	if p.configured.Mappings.ReferencesNamespaceModel == modelSame {
		namespace = p.namespaceModel(of)
	}
	return namespace + "/" + owner
}

func (p *Provider) namespaceOf(of workload) string {
	return cmp.Or(p.said(of, "backstage-namespace"), p.namespaceModel(of))
}

func (p *Provider) namespaceModel(of workload) string {
	switch p.configured.Mappings.NamespaceModel {
	case modelCluster:
		return p.cluster.Name
	case modelNamespace:
		return cmp.Or(of.namespace, entity.DefaultNamespace)
	default:
		return entity.DefaultNamespace
	}
}

// modelled is a name or title of the plugin's models.
func (p *Provider) modelled(model string, of workload) string {
	switch model {
	case modelNameCluster:
		return of.name + "-" + p.cluster.Name
	case modelNameNamespace:
		return of.name + "-" + cmp.Or(of.namespace, entity.DefaultNamespace)
	case modelNameKind:
		return of.name + "-" + strings.ToLower(of.kind)
	default:
		return of.name
	}
}

// systemRef is the System of a workload.
func (p *Provider) systemRef(of workload) entity.Ref {
	ref := entity.Ref{Kind: "System", Namespace: p.namespaceOf(of)}
	switch p.configured.Mappings.SystemModel {
	case modelCluster:
		ref.Name = p.cluster.Name
	case modelClusterNamespace:
		ref.Name = strings.TrimSuffix(p.cluster.Name+"-"+of.namespace, "-")
	case modelNamespace:
		ref.Name = cmp.Or(of.namespace, of.name)
	default:
		ref.Name = "default"
	}
	return ref
}

// systemOf is a System with what all of its workloads say of it that say something.
func (p *Provider) systemOf(ref entity.Ref, members []workload) entity.Entity {
	agreed := func(name string) string {
		values := map[string]bool{}
		for _, member := range members {
			values[p.said(member, name)] = true
		}
		delete(values, "")
		if len(values) != 1 {
			return ""
		}
		return slices.Collect(maps.Keys(values))[0]
	}
	spec := map[string]any{"owner": p.ownerOf(members[0], agreed("owner")), "type": cmp.Or(agreed("system-type"), "kubernetes-namespace")}
	if domain := agreed("domain"); domain != "" {
		spec["domain"] = domain
	}
	return entity.Entity{"apiVersion": "backstage.io/v1alpha1", "kind": "System",
		"metadata": map[string]any{"name": ref.Name, "namespace": ref.Namespace, "annotations": map[string]any{annotationCluster: p.cluster.Name}}, "spec": spec}
}

// annotationsOf are the workload's own, without what is private or the catalog's, and what is known of the workload.
func (p *Provider) annotationsOf(of workload) map[string]any {
	made := map[string]any{}
	for key, value := range of.annotations {
		if !slices.Contains(private, key) && !strings.HasPrefix(key, "backstage.io/managed-by-") && key != p.key("links") {
			made[key] = value
		}
	}
	for key, value := range map[string]string{
		annotationCluster:                        p.cluster.Name,
		annotationNamespace:                      of.namespace,
		annotationSelector:                       cmp.Or(p.said(of, "kubernetes-label-selector"), selectorOf(of)),
		p.key("kubernetes-resource-kind"):        of.kind,
		p.key("kubernetes-resource-name"):        of.name,
		p.key("kubernetes-resource-api-version"): of.apiVersion,
		p.key("kubernetes-resource-namespace"):   of.namespace,
		p.key("custom-workload-uri"):             strings.ToLower(pathOf(of)),
	} {
		if value != "" {
			made[key] = value
		}
	}
	if app, _, _ := strings.Cut(of.annotations["argocd.argoproj.io/tracking-id"], ":"); app != "" && p.configured.ArgoIntegration {
		made[annotationArgo] = app
	}
	p.addSource(made, of)
	for pair := range strings.SplitSeq(p.said(of, "component-annotations"), ",") {
		key, value, _ := strings.Cut(pair, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if key != "" && value != "" && !strings.HasPrefix(key, "backstage.io/managed-by-") {
			made[key] = value
		}
	}
	return made
}

// addSource adds where the sources and the documentation are.
func (p *Provider) addSource(annotations map[string]any, of workload) {
	repository := strings.TrimRight(p.said(of, "source-code-repo-url"), "/")
	if repository == "" {
		return
	}
	annotations[annotationSource] = "url:" + repository
	if docs := p.said(of, "techdocs-path"); docs != "" {
		annotations[annotationDocs] = "url:" + repository + "/blob/" + cmp.Or(p.said(of, "source-branch"), "main") + "/" + strings.TrimLeft(docs, "/")
	}
}

// selectorOf selects the objects of a workload by the labels that its pods have too, or else by all of its own.
func selectorOf(of workload) string {
	if of.resource.Group != "apps" && of.resource.Group != "batch" {
		return ""
	}
	common := map[string]string{}
	for key, value := range of.labels {
		if _, is := of.podLabels[key]; is {
			common[key] = value
		}
	}
	if len(common) == 0 {
		common = of.labels
	}
	var selected []string
	for _, key := range slices.Sorted(maps.Keys(common)) {
		selected = append(selected, key+"="+common[key])
	}
	return strings.Join(selected, ",")
}

// linksOf are the links that a workload has as JSON. What is no link is left out.
func (p *Provider) linksOf(of workload) []any {
	var said []struct {
		URL   string `json:"url"`
		Title string `json:"title"`
		Icon  string `json:"icon"`
	}
	if json.Unmarshal([]byte(p.said(of, "links")), &said) != nil {
		return nil
	}
	var links []any
	for _, each := range said {
		link := map[string]any{"url": each.URL}
		if each.Title != "" {
			link["title"] = each.Title
		}
		if each.Icon != "" {
			link["icon"] = each.Icon
		}
		if each.URL != "" {
			links = append(links, link)
		}
	}
	return links
}

// tagsOf are texts as tags; those that no tag can be are left out.
func tagsOf(texts ...string) []any {
	var tags []any
	for _, each := range texts {
		tag := strings.ToLower(each)
		isTag := len(tag) <= 63 && !strings.ContainsFunc(tag, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("-:+#", r))
		})
		if isTag {
			tags = append(tags, tag)
		}
	}
	return tags
}

func separated(text string) []any {
	var parts []any
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}
