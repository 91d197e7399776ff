package search

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/plainjson"
)

// The types of documents. Backstage has the first two.
const (
	TypeCatalog = "software-catalog"
	TypeDocs    = "techdocs"
	TypeAPI     = "api"
)

// maxText bounds the text of a document that is indexed, in bytes: a tsvector has a megabyte at most.
const maxText = 200_000

// Places are templates of the addresses of documents in the portal.
type Places struct {
	// Catalog and Docs have Backstage's placeholders :namespace, :kind, :name, and :path.
	Catalog, Docs string
}

// DefaultPlaces are Backstage's.
var DefaultPlaces = Places{Catalog: "/catalog/:namespace/:kind/:name", Docs: "/docs/:namespace/:kind/:name/:path"}

// row is a document as it is stored.
type row struct {
	entityID  uuid.UUID
	entityRef string
	// name and title are folded.
	name, title string
	document    string
	// rest is the text of the fields besides title and text.
	rest                 string
	heading, tags, inner string
	facets               []string
	// mark replaces the digest when several documents are made from one thing.
	mark string
}

// digest identifies everything that is stored of the row, or what it is made from.
func (r row) digest() string {
	if r.mark != "" {
		return r.mark
	}
	hash := sha256.New()
	for _, part := range []string{r.entityRef, r.name, r.title, r.document, r.rest, r.heading, r.tags, r.inner, strings.Join(r.facets, "\n")} {
		fmt.Fprintf(hash, "%d %s", len(part), part)
	}
	return hex.EncodeToString(hash.Sum(nil)[:16])
}

// described is what an index reads of an entity.
type described struct {
	id  uuid.UUID
	ref string

	Kind     string `json:"kind"`
	Metadata struct {
		Name        string         `json:"name"`
		Namespace   string         `json:"namespace"`
		Title       loose          `json:"title"`
		Description loose          `json:"description"`
		Tags        []loose        `json:"tags"`
		Labels      map[string]any `json:"labels"`
		Annotations map[string]any `json:"annotations"`
	} `json:"metadata"`
	Spec struct {
		Type       loose   `json:"type"`
		Lifecycle  loose   `json:"lifecycle"`
		Owner      loose   `json:"owner"`
		System     loose   `json:"system"`
		Domain     loose   `json:"domain"`
		Profile    profile `json:"profile"`
		Definition loose   `json:"definition"`
	} `json:"spec"`
	Relations []struct {
		Type      string `json:"type"`
		TargetRef string `json:"targetRef"`
	} `json:"relations"`
}

// profile is that of people and groups. What has another form is none.
type profile struct {
	DisplayName loose `json:"displayName"`
	Email       loose `json:"email"`
}

func (p *profile) UnmarshalJSON(data []byte) error {
	if len(data) == 0 || data[0] != '{' {
		return nil
	}
	type plain profile
	return json.Unmarshal(data, (*plain)(p))
}

// loose is a scalar as text; anything else is none. The schemas of kinds say little about custom ones.
type loose string

// UnmarshalJSON implements json.Unmarshaler.
func (l *loose) UnmarshalJSON(data []byte) error {
	switch {
	case len(data) == 0 || data[0] == '{' || data[0] == '[' || string(data) == "null":
		return nil
	case data[0] == '"':
		var text string
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
		*l = loose(text)
	default:
		*l = loose(data)
	}
	return nil
}

func describe(id uuid.UUID, ref string, document []byte) (described, error) {
	d := described{id: id, ref: ref}
	if err := json.Unmarshal(document, &d); err != nil {
		return d, fmt.Errorf("decode entity %s: %w", ref, err)
	}
	if d.Metadata.Namespace == "" {
		d.Metadata.Namespace = "default"
	}
	return d, nil
}

// or is a value, or another one when it is empty.
func (l loose) or(otherwise string) string {
	if l == "" {
		return otherwise
	}
	return string(l)
}

// text is what Backstage's collator takes for the text of an entity.
func (d described) text() string {
	parts := []string{}
	add := func(text loose) {
		if text != "" {
			parts = append(parts, string(text))
		}
	}
	add(d.Metadata.Description)
	if isPerson := strings.EqualFold(d.Kind, "User"); isPerson || strings.EqualFold(d.Kind, "Group") {
		add(d.Spec.Profile.DisplayName)
		if isPerson {
			add(d.Spec.Profile.Email)
		}
	}
	return strings.Join(parts, " : ")
}

// owners are the references of those who own the entity.
func (d described) owners() (refs []string) {
	for _, relation := range d.Relations {
		if relation.Type == "ownedBy" {
			refs = append(refs, strings.ToLower(relation.TargetRef))
		}
	}
	return refs
}

// catalogDocument is the document of an entity, in the form of Backstage's collator.
type catalogDocument struct {
	Title         string `json:"title"`
	Text          string `json:"text"`
	Location      string `json:"location"`
	ComponentType string `json:"componentType"`
	Type          string `json:"type"`
	Namespace     string `json:"namespace"`
	Kind          string `json:"kind"`
	Lifecycle     string `json:"lifecycle"`
	Owner         string `json:"owner"`
}

// entityRow is the document of an entity.
func (d described) entityRow(places Places) (row, error) {
	kind := d.Spec.Type.or("other")
	document := catalogDocument{Title: d.Metadata.Title.or(d.Metadata.Name), Text: bounded(d.text()), ComponentType: kind, Type: kind,
		Namespace: d.Metadata.Namespace, Kind: d.Kind, Lifecycle: string(d.Spec.Lifecycle), Owner: string(d.Spec.Owner),
		Location: strings.ToLower(fill(places.Catalog, d.Metadata.Namespace, d.Kind, d.Metadata.Name, ""))}
	encoded, err := encode(document)
	if err != nil {
		return row{}, fmt.Errorf("encode the document of %s: %w", d.ref, err)
	}
	shown := string(d.Spec.Profile.DisplayName)
	title := d.Metadata.Title.or(shown)
	if fold(title) == fold(d.Metadata.Name) {
		title = ""
	}
	return row{entityID: d.id, entityRef: d.ref, name: clip(fold(d.Metadata.Name)), title: clip(fold(title)), document: encoded,
		rest:    clean(strings.Join([]string{kind, d.Metadata.Namespace, d.Kind, document.Lifecycle, document.Owner, d.ref}, " \n ")),
		heading: clean(headingWords(d.Metadata.Name, string(d.Metadata.Title), shown)), tags: clean(headingWords(texts(d.Metadata.Tags)...)),
		inner: clean(strings.Join(innerWords(document.Text), " ")), facets: d.facets()}, nil
}

// facets are what fields of queries match, in lower case.
func (d described) facets() []string {
	facets := []string{"kind:" + d.Kind, "namespace:" + d.Metadata.Namespace, "name:" + d.Metadata.Name, "type:" + d.Spec.Type.or("other")}
	add := func(field string, value loose) {
		if value != "" {
			facets = append(facets, field+":"+string(value))
		}
	}
	add("lifecycle", d.Spec.Lifecycle)
	add("system", d.Spec.System)
	add("domain", d.Spec.Domain)
	for _, owner := range d.owners() {
		add("owner", loose(owner))
	}
	for _, tag := range d.Metadata.Tags {
		add("tag", tag)
	}
	for _, labels := range []map[string]any{d.Metadata.Labels, d.Metadata.Annotations} {
		for key, value := range labels {
			if _, name, _ := strings.Cut("/"+key, "/"); name == "language" || strings.HasSuffix(key, "/language") {
				add("lang", loose(fmt.Sprint(value)))
			}
		}
	}
	for i, facet := range facets {
		facets[i] = clip(strings.ToLower(clean(strings.ReplaceAll(facet, "\n", " "))))
	}
	slices.Sort(facets)
	return slices.Compact(facets)
}

// fill puts the parts of a document into a template of its address. As in Backstage, each placeholder is replaced once.
func fill(template, namespace, kind, name, path string) string {
	for _, part := range [][2]string{{":namespace", namespace}, {":kind", kind}, {":name", name}, {":path", path}} {
		template = strings.Replace(template, part[0], part[1], 1)
	}
	return template
}

func texts(list []loose) []string {
	all := make([]string, len(list))
	for i, item := range list {
		all[i] = string(item)
	}
	return all
}

// encode encodes a document for PostgreSQL, whose JSON has no NUL.
func encode(document any) (string, error) {
	encoded, err := plainjson.Marshal(document)
	return strings.ReplaceAll(string(encoded), `\u0000`, "\uFFFD"), err
}

// clean replaces what PostgreSQL has no text for.
func clean(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

// bounded is the beginning of a text.
func bounded(text string) string { return cut(text, maxText) }

// clip bounds what an index of PostgreSQL has in one piece.
func clip(text string) string { return cut(text, 300) }

func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "")
}
