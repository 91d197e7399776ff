package template

import (
	"encoding/json"
	"fmt"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/plainjson"
)

// Tags are the tags of a page's or a step's backstage:permissions, by which conditions hide it.
type Tags []string

// Only returns the template with only those pages and steps whose tags these functions allow. A nil function
// allows all.
func (t *Template) Only(page, step func(Tags) bool) (*Template, error) {
	if page == nil && step == nil {
		return t, nil
	}
	// Without the digest, which is that of the whole document.
	visible := &Template{APIVersion: t.APIVersion, Kind: t.Kind, Metadata: t.Metadata, RawMetadata: t.RawMetadata, Spec: t.Spec}
	pages, err := t.Pages()
	if err != nil {
		return nil, err
	}
	if pages, err = only("page", pages, page); err != nil {
		return nil, err
	}
	if visible.Spec.Parameters, err = plainjson.Marshal(pages); err != nil {
		return nil, fmt.Errorf("encode the pages of %s: %w", t.Ref(), err)
	}
	visible.Spec.Steps, err = only("step", t.Spec.Steps, step)
	return visible, err
}

func only(what string, parts []json.RawMessage, allowed func(Tags) bool) ([]json.RawMessage, error) {
	if allowed == nil {
		return parts, nil
	}
	kept := []json.RawMessage{}
	for i, part := range parts {
		tags, err := tagsOf(part)
		if err != nil {
			return nil, fault.Wrap(fault.Input, err, "%s %d of the template is malformed: %s", what, i+1, explain("backstage:permissions", err))
		}
		if allowed(tags) {
			kept = append(kept, part)
		}
	}
	return kept, nil
}

// tagsOf reads the tags of a page or a step.
func tagsOf(part json.RawMessage) (Tags, error) {
	var tagged struct {
		Permissions json.RawMessage `json:"backstage:permissions"`
	}
	if err := decode(part, &tagged, "backstage:permissions"); err != nil || isNull(tagged.Permissions) {
		return nil, err
	}
	var permissions struct {
		Tags Tags `json:"tags"`
	}
	err := decode(tagged.Permissions, &permissions, "tags")
	return permissions.Tags, err
}
