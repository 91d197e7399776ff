// Package bucket finds descriptors in buckets: those of S3, containers of Azure Blob Storage, and buckets of Google Cloud
// Storage. Each object whose name ends in .yaml or .yml becomes a Location, and its content is read along, because
// nothing else in Portico reads buckets. S3 and Azure are configured as in Backstage.
package bucket

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"gocloud.dev/blob"

	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
)

// The keys of these sources below catalog.providers.
const (
	KindS3    = "awsS3"
	KindAzure = "azureBlob"
	KindGCS   = "googleGcs"
)

// Options are what the sources need besides their own configuration.
type Options struct {
	Integrations config.Integrations
	AWS          config.AWS
	// Transport sends the requests; nil is http.DefaultTransport.
	Transport http.RoundTripper
}

// opener opens a bucket whose requests go by a client.
type opener func(ctx context.Context, client *http.Client) (*blob.Bucket, error)

// place is a bucket: how it is opened, and what its objects are called.
type place struct {
	// name is what people recognize the bucket by, such as s3://acme-catalog.
	name string
	// base is the address below which the objects are.
	base string
	open opener
	// rights are what credentials need.
	rights string
}

// Provider is one configured bucket.
type Provider struct {
	place

	source    string
	prefix    string
	transport http.RoundTripper
	// listed is how many objects are listed at once, and read how many descriptors a page has.
	listed, read int
}

// Sources creates the configured sources, by kind and in the order of their ids. A configuration that cannot work is an input fault that
// names its key.
func Sources(configured config.CatalogProviders, options Options) ([]provider.Source, error) {
	var sources []provider.Source
	for id, one := range sorted(configured.AWSS3) {
		at, err := s3Place(one, options)
		if err != nil {
			return nil, named(KindS3, id, err)
		}
		sources = append(sources, newSource(KindS3, "awsS3-provider:"+id, one.Prefix, at, one.Schedule, options))
	}
	for id, one := range sorted(configured.AzureBlob) {
		at, err := azurePlace(one, options)
		if err != nil {
			return nil, named(KindAzure, id, err)
		}
		sources = append(sources, newSource(KindAzure, "azureBlobStorage-provider:"+id, "", at, one.Schedule, options))
	}
	for id, one := range sorted(configured.GoogleGCS) {
		at, err := gcsPlace(one, options)
		if err != nil {
			return nil, named(KindGCS, id, err)
		}
		sources = append(sources, newSource(KindGCS, "googleGcs-provider:"+id, one.Prefix, at, one.Schedule, options))
	}
	return sources, nil
}

// sorted goes through a map by its keys.
func sorted[V any](all map[string]V) func(yield func(string, V) bool) {
	return func(yield func(string, V) bool) {
		for _, key := range slices.Sorted(maps.Keys(all)) {
			if !yield(key, all[key]) {
				return
			}
		}
	}
}

func named(kind, id string, err error) error {
	return fault.Wrap(fault.Input, err, "catalog.providers.%s.%s: %s", kind, id, err)
}

func newSource(kind, name, prefix string, at place, schedule config.Schedule, options Options) provider.Source {
	made := &Provider{place: at, source: name, prefix: prefix, transport: options.Transport, listed: listSize, read: readSize}
	if made.transport == nil {
		made.transport = http.DefaultTransport
	}
	shown := at.name
	if prefix != "" {
		shown += "/" + prefix
	}
	return provider.Source{Provider: made, Schedule: provider.ScheduleOf(schedule), Kind: kind, Place: shown}
}

// Name implements provider.Provider: Backstage's name of the source and of the key of its locations.
func (p *Provider) Name() string { return p.source }

// target is the address of an object, as Backstage writes it. An asterisk is escaped because it would be a pattern.
func (p *Provider) target(key string) string {
	escaped := (&url.URL{Path: "/" + key}).EscapedPath()
	return p.base + strings.ReplaceAll(escaped, "*", "%2A")
}

// isDescriptor reports whether an object is read.
func isDescriptor(key string) bool {
	return strings.HasSuffix(key, ".yaml") || strings.HasSuffix(key, ".yml")
}

// baseOf is the address of the server of the configuration, checked.
func baseOf(address, key string) (*url.URL, error) {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" || parsed.User != nil || parsed.RawQuery != "" || parsed.Scheme != "https" && parsed.Scheme != "http" {
		return nil, fmt.Errorf("%s is no address of a server without credentials in it", key)
	}
	parsed.Path = strings.TrimRight(parsed.Path, "/")
	return parsed, nil
}
