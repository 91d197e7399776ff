package main

import (
	"context"
	"net/http"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/build"
	"github.com/portico-dev/portico/techdocs/store"
)

// openDocs opens the store of documentation.
func (p *platform) openDocs(ctx context.Context, at place) error {
	opened, err := store.Open(ctx, p.config.TechDocs, store.Settings{DataDirectory: at.dataDir, AWS: p.config.AWS, Transport: p.telemetry.Transport(http.DefaultTransport)})
	p.docs = opened
	return err
}

// docsPlugin serves documentation. syncer builds it, unless somebody else does.
func (p *platform) docsPlugin(syncer techdocs.Syncer) api.Plugin {
	if p.config.TechDocs.Builder == config.DocsBuiltElsewhere {
		syncer = nil
	}
	return api.NewTechDocsPlugin(api.TechDocsOptions{Log: p.log, Catalog: p.catalog, Store: p.docs, Locate: p.locateDocs, Syncer: syncer, Read: p.docsService.MarkRead})
}

// locateDocs finds where the source of an entity's documentation is.
func (p *platform) locateDocs(e entity.Entity, at provenance.Place) (kind, target string, err error) {
	found, err := build.Locate(e, at, p.integrations.ResolveURL)
	return found.Kind, found.Target, err
}
