// Package elastic has the search ask an index of an Elasticsearch or OpenSearch that is there already. What is asked is the part of the
// search API that both have. Nothing of the answer is stored.
package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/search"
)

const (
	// maxAnswer bounds an answer, in bytes.
	maxAnswer = 4 << 20
	// maxLine bounds what is shown of a title or an address, in bytes.
	maxLine = 2000
	// mostCounted bounds the hits that are counted.
	mostCounted = 1000
	// fragment is the length of the piece of a text that is shown, in characters.
	fragment = 240
)

// Config says where an index is, and what its documents have.
type Config struct {
	search.AboutSource

	// URL is the address of the server. Index is a name, or several with commas and *.
	URL, Index string
	// APIKey, or User and Password, or nothing.
	APIKey, User, Password string
	// Timeout bounds a request.
	Timeout time.Duration
	Fields  Fields
	// LocationTemplate makes the address of a document without a field for it: {id} is the document's id, {index} its index, and {a.b} a field.
	LocationTemplate string
	// Kind is what the documents are.
	Kind string
	// Filter is a query that every document must match, in the query language of the server. Nil is none.
	Filter json.RawMessage
}

// Fields are the fields of the documents, with dots for fields of objects.
type Fields struct {
	Title, Text, Location, Kind, Owner, Tags string
}

// Source is an index. It is safe for concurrent use.
type Source struct {
	config Config
	client *http.Client
}

// New makes a Source whose requests go through a transport; nil is the usual one.
func New(config Config, transport http.RoundTripper) *Source {
	config.IsLive = true
	// An answer that leads elsewhere would get the credentials.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Source{config, &http.Client{Transport: transport, CheckRedirect: stay}}
}

// About implements search.Source.
func (s *Source) About() search.AboutSource { return s.config.AboutSource }

// Find implements search.Source.
func (s *Source) Find(ctx context.Context, ask search.SourceAsk) (search.Hits, error) {
	asked, possible := s.request(ask)
	if !possible {
		return search.Hits{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	var found answer
	if err := s.send(ctx, asked, &found); err != nil {
		return search.Hits{}, err
	}
	return s.hits(found)
}

// answer is the part of an answer that is read.
type answer struct {
	TimedOut bool `json:"timed_out"`
	Shards   struct {
		Total  int `json:"total"`
		Failed int `json:"failed"`
	} `json:"_shards"`
	Hits struct {
		Total json.RawMessage `json:"total"`
		Hits  []hit           `json:"hits"`
	} `json:"hits"`
}

type hit struct {
	Index     string              `json:"_index"`
	ID        string              `json:"_id"`
	Source    map[string]any      `json:"_source"`
	Highlight map[string][]string `json:"highlight"`
}

// send asks the server. The errors are for people who search: the rest is their cause.
func (s *Source) send(ctx context.Context, asked any, into *answer) error {
	body, err := json.Marshal(asked)
	if err != nil {
		return fmt.Errorf("encode the request: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(s.config.URL, "/")+"/"+escaped(s.config.Index)+"/_search", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("address of %s: %w", s.config.Name, err)
	}
	request.Header.Set("Content-Type", "application/json")
	switch {
	case s.config.APIKey != "":
		request.Header.Set("Authorization", "ApiKey "+s.config.APIKey)
	case s.config.User != "":
		request.SetBasicAuth(s.config.User, s.config.Password)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return s.unreachable(ctx, err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return s.unreachable(ctx, err)
	case response.StatusCode != http.StatusOK:
		return s.refused(response.StatusCode, content)
	case len(content) > maxAnswer:
		return fault.New(fault.BadGateway, "Its answer is larger than %d MB", maxAnswer>>20)
	}
	if err := json.Unmarshal(content, into); err != nil {
		return fault.Wrap(fault.BadGateway, err, "Its answer is not that of an Elasticsearch or OpenSearch")
	}
	if into.Shards.Total > 0 && into.Shards.Failed == into.Shards.Total {
		return fault.Wrap(fault.BadGateway, fmt.Errorf("all %d shards failed: %s", into.Shards.Total, excerpt(content)), "It could not search its index")
	}
	return nil
}

// escaped is the name of an index as a part of a path: its commas and stars stay.
func escaped(index string) string {
	return strings.NewReplacer("%2C", ",", "%2A", "*").Replace(url.PathEscape(index))
}

func (s *Source) unreachable(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fault.Wrap(fault.Unavailable, err, "It did not answer within %s", s.config.Timeout)
	}
	if failed, is := errors.AsType[*url.Error](err); is {
		err = failed.Err // without the address, which people need not know
	}
	return fault.Wrap(fault.BadGateway, err, "It does not answer")
}

// refused says for whom the status of an answer is: that of a missing index or of wrong credentials is for whoever configured the source.
func (s *Source) refused(status int, content []byte) error {
	cause := fmt.Errorf("status %d: %s", status, excerpt(content))
	key := "portico.search.sources." + s.config.Name + ".elasticsearch"
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return fault.Wrap(fault.BadGateway, cause, "It refuses the credentials in %s of the configuration", key)
	case status == http.StatusNotFound:
		return fault.Wrap(fault.BadGateway, cause, "It has no index as in %s.index of the configuration", key)
	case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
		return fault.Wrap(fault.Unavailable, cause, "It is busy: try again in a moment")
	default:
		return fault.Wrap(fault.BadGateway, cause, "It answers with status %d: the server's log says why", status)
	}
}

// excerpt is the beginning of an answer, for the log.
func excerpt(content []byte) string {
	return strings.ToValidUTF8(string(content[:min(len(content), 500)]), "\uFFFD")
}

// hits reads the documents of an answer. One without a title or an address is left out.
func (s *Source) hits(found answer) (search.Hits, error) {
	hits := search.Hits{}
	for _, one := range found.Hits.Hits {
		title, location := line(s.title(one)), s.location(one)
		if title == "" || !isWeb(location) {
			continue
		}
		document := map[string]any{"title": title, "text": s.text(one), "location": location, "documentType": s.config.Kind, "source": s.config.Name}
		if kind := line(texts(one.Source, s.config.Fields.Kind)); kind != "" {
			document["documentType"] = kind
		}
		if owner := line(texts(one.Source, s.config.Fields.Owner)); owner != "" {
			document["owner"] = owner
		}
		encoded, err := json.Marshal(document)
		if err != nil {
			return hits, fmt.Errorf("encode a hit of %s: %w", s.config.Name, err)
		}
		hits.Documents = append(hits.Documents, encoded)
	}
	total := totalOf(found.Hits.Total)
	hits.Count, hits.IsMore = min(total, mostCounted), total > mostCounted
	hits.Count = max(hits.Count, len(hits.Documents))
	return hits, nil
}

// totalOf reads the number of hits: a number, or an object since version 7.
func totalOf(total json.RawMessage) int {
	var number int
	if json.Unmarshal(total, &number) == nil {
		return number
	}
	var counted struct {
		Value int `json:"value"`
	}
	if json.Unmarshal(total, &counted) == nil {
		return counted.Value
	}
	return 0
}

func (s *Source) title(one hit) string {
	return texts(one.Source, s.config.Fields.Title)
}

// text is the piece of the text that the server has chosen, or the beginning of the text.
func (s *Source) text(one hit) string {
	for _, field := range sortedKeys(one.Highlight) {
		if field != s.config.Fields.Title && len(one.Highlight[field]) > 0 {
			return clean(strings.Join(one.Highlight[field], " … "))
		}
	}
	return ""
}

// location is the address of a document.
func (s *Source) location(one hit) string {
	if s.config.LocationTemplate == "" {
		return strings.TrimSpace(texts(one.Source, s.config.Fields.Location))
	}
	return filled(s.config.LocationTemplate, func(name string) string {
		switch name {
		case "id":
			return one.ID
		case "index":
			return one.Index
		}
		return texts(one.Source, name)
	})
}

// filled replaces {names} in a template of an address. A value cannot leave its place in the path or the query.
func filled(template string, value func(name string) string) string {
	var out strings.Builder
	for {
		begin := strings.IndexByte(template, '{')
		end := strings.IndexByte(template, '}')
		if begin < 0 || end < begin {
			return out.String() + template
		}
		part := value(template[begin+1 : end])
		out.WriteString(template[:begin] + strings.ReplaceAll(url.QueryEscape(part), "+", "%20"))
		template = template[end+1:]
	}
}

// isWeb reports whether an address is one of HTTP, without credentials.
func isWeb(location string) bool {
	at, err := url.Parse(location)
	return err == nil && (at.Scheme == "http" || at.Scheme == "https") && at.Hostname() != "" && at.User == nil && len(location) <= maxLine
}

// texts is a field of a document as text: the texts of a list are joined. The name may itself have dots, or lead into objects.
func texts(source map[string]any, name string) string {
	if name == "" {
		return ""
	}
	if value, has := source[name]; has {
		return text(value)
	}
	for at, r := range name {
		if r != '.' {
			continue
		}
		if inner, is := source[name[:at]].(map[string]any); is {
			if found := texts(inner, name[at+1:]); found != "" {
				return found
			}
		}
	}
	return ""
}

func text(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case float64, bool:
		return fmt.Sprint(value)
	case []any:
		var all []string
		for _, item := range value {
			if part := text(item); part != "" {
				all = append(all, part)
			}
		}
		return strings.Join(all, ", ")
	default:
		return ""
	}
}

// line is a text of others on one line, bounded.
func line(value string) string {
	value = strings.Join(strings.Fields(clean(value)), " ")
	if len(value) > maxLine {
		value = strings.ToValidUTF8(value[:maxLine], "")
	}
	return value
}

func clean(value string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(value, "\x00", "\uFFFD"), "\uFFFD")
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
