package config

import "time"

// Catalog configures the sources and the processing of entities.
type Catalog struct {
	Locations []CatalogLocation `yaml:"locations"`
	// Rules limit which kinds may come from which locations. Nil (no catalog.rules at all) allows Component,
	// API and Location.
	Rules []CatalogRule `yaml:"rules"`
	// ProcessingInterval is the minimum time between two reads of an entity; 0 means that entities are not
	// read again.
	ProcessingInterval              time.Duration `yaml:"processingInterval"`
	OrphanStrategy                  string        `yaml:"orphanStrategy"`
	Readonly                        bool          `yaml:"readonly"`
	DefaultLocationConflictStrategy string        `yaml:"defaultLocationConflictStrategy"`
	Events                          CatalogEvents `yaml:"events"`
	// OrphanProviderStrategy says what happens to the entities of a source that the configuration has no more.
	OrphanProviderStrategy string       `yaml:"orphanProviderStrategy"`
	Sweep                  CatalogSweep `yaml:"sweep"`
	// Providers are the sources that are read by schedule.
	Providers CatalogProviders `yaml:"providers"`
	History   CatalogHistory   `yaml:"history"`
	Model     CatalogModel     `yaml:"model"`
}

// CatalogHistory configures the versions of entities that are served no more.
type CatalogHistory struct {
	// Retention is how long a version is kept after its end, 0 for ever.
	Retention time.Duration `yaml:"retention"`
}

// CatalogSweep are the settings of the sweeps of all sources.
type CatalogSweep struct {
	// MaxRemovals is how much a sweep may remove without a decision: a share such as "20%", or a number.
	MaxRemovals string `yaml:"maxRemovals"`
}

// CatalogEvents says who is told of changes in the catalog.
type CatalogEvents struct {
	Webhooks []CatalogWebhook `yaml:"webhooks"`
}

// CatalogWebhook gets the changes of served entities. Its name is unique.
type CatalogWebhook struct {
	Name    string `yaml:"name"`
	Webhook `yaml:",inline"`
}

// CatalogLocation is a file or URL from which entities are read. Its Rules apply to this location only.
type CatalogLocation struct {
	Type   string                `yaml:"type"`
	Target string                `yaml:"target"`
	Rules  []CatalogLocationRule `yaml:"rules"`
}

// CatalogLocationRule allows kinds of entities from one location.
type CatalogLocationRule struct {
	Allow []AllowedKind `yaml:"allow"`
}

// CatalogRule allows kinds of entities from the given locations, or from anywhere without locations.
type CatalogRule struct {
	Allow     []AllowedKind         `yaml:"allow"`
	Locations []CatalogRuleLocation `yaml:"locations"`
}

// AllowedKind is a kind. A SpecType that is not empty restricts it to one spec.type.
type AllowedKind struct {
	Kind     string `yaml:"kind"`
	SpecType string `yaml:"spec.type"`
}

// CatalogRuleLocation matches locations by type, and by either an exact target or a glob.
type CatalogRuleLocation struct {
	Type    string `yaml:"type"`
	Exact   string `yaml:"exact"`
	Pattern string `yaml:"pattern"`
}
