package config

import "time"

// Search are Backstage's settings of the search.
type Search struct {
	MaxPageLimit  int             `yaml:"maxPageLimit"`
	MaxTermLength int             `yaml:"maxTermLength"`
	PG            SearchPG        `yaml:"pg"`
	Collators     SearchCollators `yaml:"collators"`
}

// SearchPG are the settings of Backstage's search engine on PostgreSQL.
type SearchPG struct {
	HighlightOptions SearchHighlights `yaml:"highlightOptions"`
}

// SearchHighlights say how matches are shown in results.
type SearchHighlights struct {
	UseHighlight      bool   `yaml:"useHighlight"`
	MaxWords          int    `yaml:"maxWords"`
	MinWords          int    `yaml:"minWords"`
	ShortWord         int    `yaml:"shortWord"`
	HighlightAll      bool   `yaml:"highlightAll"`
	MaxFragments      int    `yaml:"maxFragments"`
	FragmentDelimiter string `yaml:"fragmentDelimiter"`
}

// SearchCollators are the addresses of what is found.
type SearchCollators struct {
	Catalog  SearchCollator     `yaml:"catalog"`
	TechDocs SearchDocsCollator `yaml:"techdocs"`
}

// SearchDocsCollator also says how often sites of documentation are looked at.
type SearchDocsCollator struct {
	LocationTemplate string         `yaml:"locationTemplate"`
	Schedule         SearchSchedule `yaml:"schedule"`
}

// SearchSchedule says how often.
type SearchSchedule struct {
	// Frequency is a duration. For any other, sites are looked at every ten minutes.
	Frequency Frequency `yaml:"frequency"`
}

// SearchCollator has the template of the addresses of one type.
type SearchCollator struct {
	LocationTemplate string `yaml:"locationTemplate"`
}

// PorticoSearch are Portico's own settings of the search.
type PorticoSearch struct {
	Language string `yaml:"language"`
	// Sources are other systems whose documents are found, by their names.
	Sources map[string]SearchSource `yaml:"sources"`
}

// SearchSource is another system that pushes documents.
type SearchSource struct {
	Title string `yaml:"title"`
	Type  string `yaml:"type"`
	// PushedBy and ReadableBy are references of people and groups, and names of services. Empty lists are everybody.
	PushedBy   []string `yaml:"pushedBy"`
	ReadableBy []string `yaml:"readableBy"`
	// Retention is 0 for documents that are kept forever.
	Retention    time.Duration `yaml:"retention"`
	MaxDocuments int           `yaml:"maxDocuments"`
	// Elasticsearch is nil for a source to which documents are pushed.
	Elasticsearch *Elasticsearch `yaml:"elasticsearch"`
}

// Elasticsearch is an index of an Elasticsearch or OpenSearch that is asked for documents.
type Elasticsearch struct {
	URL              string              `yaml:"url"`
	Index            string              `yaml:"index"`
	APIKey           Secret              `yaml:"apiKey"`
	Username         string              `yaml:"username"`
	Password         Secret              `yaml:"password"`
	Timeout          time.Duration       `yaml:"timeout"`
	Fields           ElasticsearchFields `yaml:"fields"`
	LocationTemplate string              `yaml:"locationTemplate"`
	// Filter is a query as JSON, "" for none.
	Filter string `yaml:"filter"`
}

// ElasticsearchFields are the fields of the documents, "" for those that they do not have.
type ElasticsearchFields struct {
	Title    string `yaml:"title"`
	Text     string `yaml:"text"`
	Location string `yaml:"location"`
	Type     string `yaml:"type"`
	Owner    string `yaml:"owner"`
	Tags     string `yaml:"tags"`
}
