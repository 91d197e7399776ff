package config

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
}
