package search

import (
	"context"
	"errors"
	"fmt"
	"html"
	"path"
	"regexp"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/techdocs"
)

// docsDocument is the document of a section, in the form of Backstage's collator.
type docsDocument struct {
	Title         string `json:"title"`
	Text          string `json:"text"`
	Path          string `json:"path"`
	Location      string `json:"location"`
	Kind          string `json:"kind"`
	Namespace     string `json:"namespace"`
	Name          string `json:"name"`
	EntityTitle   string `json:"entityTitle,omitempty"`
	ComponentType string `json:"componentType"`
	Lifecycle     string `json:"lifecycle"`
	Owner         string `json:"owner"`
}

// ReplaceDocs replaces all sections of the documentation of an entity, in the caller's transaction. They are found by those who may read
// the entity. The sections of an entity that is not served are deleted.
func (x *Index) ReplaceDocs(ctx context.Context, tx pgx.Tx, entityRef string, sections []techdocs.Section) error {
	if err := x.queries.SearchLockSections(ctx, tx, strings.ToLower(entityRef)); err != nil {
		return fmt.Errorf("wait for whoever replaces the sections of %s: %w", entityRef, err)
	}
	found, err := x.queries.SearchEntityByRef(ctx, tx, strings.ToLower(entityRef))
	if errors.Is(err, pgx.ErrNoRows) {
		return nil // its deletion has deleted them
	}
	if err != nil {
		return fmt.Errorf("find %s: %w", entityRef, err)
	}
	d, err := describe(found.EntityID, found.EntityRef, found.Entity)
	if err != nil {
		return err
	}
	if err := x.queries.SearchDeleteSections(ctx, tx, TypeDocs, []uuid.UUID{d.id}); err != nil {
		return fmt.Errorf("delete the sections of %s: %w", entityRef, err)
	}
	sections = sections[:min(len(sections), techdocs.MaxSections)]
	divided := withSections(sections)
	for begin := 0; begin < len(sections); begin += batchSize {
		var rows []row
		for _, section := range sections[begin:min(begin+batchSize, len(sections))] {
			r, err := d.sectionRow(section, x.options.Places)
			if err != nil {
				return err
			}
			if divided[section.Location] {
				r.facets = append(r.facets, wholePage)
			}
			rows = append(rows, r)
		}
		if err := x.addRows(ctx, tx, TypeDocs, rows); err != nil {
			return fmt.Errorf("write the sections of %s: %w", entityRef, err)
		}
	}
	return nil
}

// wholePage is the facet of a page of which each section is found: people are shown the sections, programs both, as in Backstage.
const wholePage = "whole:page"

// withSections are the pages that have sections of their own.
func withSections(sections []techdocs.Section) map[string]bool {
	pages := map[string]bool{}
	for _, section := range sections {
		if page, _, is := strings.Cut(section.Location, "#"); is {
			pages[page] = true
		}
	}
	return pages
}

// lineNumbers are those of a block of code, which MkDocs writes before its text.
var lineNumbers = regexp.MustCompile(`(?:^|\s)1 2 3(?: \d+)*(?:\s|$)`)

// prose is a text as people read it: without the signs of permanent links and the numbers of lines.
func prose(text string) string {
	return strings.TrimSpace(lineNumbers.ReplaceAllString(strings.NewReplacer(" ¶", "", "¶", "").Replace(html.UnescapeString(text)), " "))
}

// sectionRow is the document of a section of the entity's documentation.
func (d described) sectionRow(section techdocs.Section, places Places) (row, error) {
	namespace, kind, name := strings.ToLower(d.Metadata.Namespace), strings.ToLower(d.Kind), strings.ToLower(d.Metadata.Name)
	document := docsDocument{Title: prose(section.Title), Text: bounded(prose(section.Text)), Path: section.Location,
		Location: fill(places.Docs, namespace, kind, name, section.Location), Kind: kind, Namespace: namespace, Name: name,
		EntityTitle: string(d.Metadata.Title), ComponentType: d.Spec.Type.or("other"), Lifecycle: string(d.Spec.Lifecycle), Owner: d.ownerName()}
	encoded, err := encode(document)
	if err != nil {
		return row{}, fmt.Errorf("encode a section of %s: %w", d.ref, err)
	}
	rest := []string{section.Location, kind, namespace, name, document.EntityTitle, document.ComponentType, document.Lifecycle, document.Owner, d.ref}
	page, _, _ := strings.Cut(section.Location, "#")
	return row{entityID: d.id, entityRef: d.ref, title: clip(fold(document.Title)), document: encoded, rest: clean(strings.Join(rest, " \n ")),
		heading: clean(headingWords(document.Title)), tags: clean(headingWords(append(section.Tags, name, string(d.Metadata.Title), path.Base(page))...)),
		inner: clean(strings.Join(innerWords(document.Text), " ")), facets: d.facets()}, nil
}

// hasDocs reports whether the entity has documentation.
func (d described) hasDocs() bool {
	ref, _ := d.Metadata.Annotations["backstage.io/techdocs-ref"].(string)
	return ref != ""
}

// about identifies what sections say about the entity.
func (d described) about() string {
	return row{title: string(d.Metadata.Title), rest: d.Spec.Type.or("other") + "\n" + string(d.Spec.Lifecycle) + "\n" + d.ownerName(), facets: d.facets()}.digest()
}

// ownerName is the name in the reference of the first owner.
func (d described) ownerName() string {
	for _, ref := range d.owners() {
		_, name, _ := strings.Cut(ref, "/")
		return name
	}
	return ""
}

// addRows adds documents of one type about entities.
func (x *Index) addRows(ctx context.Context, tx pgx.Tx, kind string, rows []row) error {
	made := db.SearchAddSectionsParams{Type: kind, Language: x.options.Language}
	vocabulary := map[string]bool{}
	for _, r := range rows {
		made.EntityIds, made.Refs, made.Titles = append(made.EntityIds, r.entityID), append(made.Refs, r.entityRef), append(made.Titles, r.title)
		made.Documents, made.Rests = append(made.Documents, r.document), append(made.Rests, r.rest)
		made.Headings, made.Tags, made.InnerWords = append(made.Headings, r.heading), append(made.Tags, r.tags), append(made.InnerWords, r.inner)
		made.Facets, made.Digests = append(made.Facets, strings.Join(r.facets, "\n")), append(made.Digests, r.digest())
		note(vocabulary, r.heading)
	}
	if err := x.queries.SearchAddSections(ctx, tx, made); err != nil {
		return err
	}
	return x.learn(ctx, tx, vocabulary)
}
