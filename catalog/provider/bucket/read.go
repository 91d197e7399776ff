package bucket

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // It is the hash in the lists of the services, and protects nothing.
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"gocloud.dev/blob"
	"golang.org/x/sync/errgroup"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/provenance"
)

const (
	// listSize is how many objects are listed at once; the services answer no more.
	listSize = 1000
	// readSize is how many descriptors a page has: a page is in memory.
	readSize = 50
	// maxFile bounds a descriptor, in bytes.
	maxFile = 1 << 20
	// readers is how many descriptors are read at the same time.
	readers = 8
	// requestTimeout bounds a list, and the reading of an object.
	requestTimeout = time.Minute
	// maxLists is how often a page is listed when its objects change while they are read.
	maxLists = 3
)

// position is where a page begins: in the list behind the service's token, behind an object of which it has the hash.
type position struct {
	Token string `json:"token,omitempty"`
	After string `json:"after,omitempty"`
}

// errChanged means that an object is not what the list said.
var errChanged = errors.New("an object has changed since it was listed")

// ReadPage implements provider.Provider: descriptors of one list.
func (p *Provider) ReadPage(ctx context.Context, cursor string) (provider.Page, error) {
	return p.Reread(ctx, cursor, provider.Nothing)
}

// Reread implements provider.Rereader: an object is read only when the list shows that its content has changed.
func (p *Provider) Reread(ctx context.Context, cursor string, known provider.Known) (page provider.Page, err error) {
	var at position
	if cursor != "" && (json.Unmarshal([]byte(cursor), &at) != nil || at == position{}) {
		return provider.Page{}, fault.New(fault.Input, "%s: %q is not a cursor of this source. Was its configuration changed?", p.source, cursor)
	}
	if page, err = p.readPage(ctx, at, known); err != nil {
		return provider.Page{}, fmt.Errorf("%s: %w", p.source, err)
	}
	return page, nil
}

func (p *Provider) readPage(ctx context.Context, at position, known provider.Known) (page provider.Page, err error) {
	// A driver relies on headers that a server may leave out.
	defer fault.Recover(&err)
	guarded := &guard{next: p.transport, place: p.place}
	// A redirected request would go where an answer says.
	opened, err := p.open(ctx, &http.Client{Transport: guarded, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }})
	if err != nil {
		return provider.Page{}, fmt.Errorf("open %s: %w", p.name, err)
	}
	defer opened.Close()
	err = errChanged
	for lists := 0; lists < maxLists && errors.Is(err, errChanged); lists++ {
		page, err = p.readOnce(ctx, opened, at, known)
	}
	page.Requests = int(guarded.requests.Load())
	switch {
	case err != nil && ctx.Err() != nil:
		return provider.Page{}, fmt.Errorf("read %s: %w", p.name, context.Cause(ctx))
	case err != nil:
		return provider.Page{}, plain(p.name, err)
	}
	return page, nil
}

// plain is the error of the guard without what clients write around it, which may have an address with a signature.
func plain(name string, err error) error {
	if errors.Is(err, errChanged) {
		return fmt.Errorf("%s changes faster than it can be read: %w", name, err)
	}
	return integration.RequestError(name, err)
}

// readOnce lists objects, and reads the descriptors among them that have changed.
func (p *Provider) readOnce(ctx context.Context, opened *blob.Bucket, at position, known provider.Known) (provider.Page, error) {
	objects, token, err := p.list(ctx, opened, at.Token)
	if err != nil {
		return provider.Page{}, err
	}
	// When the object is gone, the list is read from its beginning: an entity that two pages have counts once.
	for n, one := range objects {
		if at.After != "" && hashOf([]byte(one.Key)) == at.After {
			objects = objects[n+1:]
			break
		}
	}
	found, err := p.descriptors(ctx, objects, known)
	if err != nil {
		return provider.Page{}, err
	}
	next, changed := position{Token: token}, 0
	for n, one := range found {
		if !one.isUnchanged {
			changed++
		}
		if changed == p.read && n < len(found)-1 {
			next = position{Token: at.Token, After: hashOf([]byte(one.Key))}
			found = found[:n+1]
			break
		}
	}
	page := provider.Page{}
	if next != (position{}) {
		encoded, err := json.Marshal(next)
		if err != nil || len(encoded) > provider.MaxCursor {
			return provider.Page{}, fmt.Errorf("%s answered with a token of %d bytes for its next page", p.name, len(next.Token))
		}
		page.Next = string(encoded)
	}
	return page, p.add(ctx, opened, found, &page)
}

// descriptor is an object that is read, unless it is known.
type descriptor struct {
	*blob.ListObject

	target      string
	isUnchanged bool
}

// descriptors are the descriptors among objects.
func (p *Provider) descriptors(ctx context.Context, objects []*blob.ListObject, known provider.Known) ([]descriptor, error) {
	var found []descriptor
	var targets []string
	for _, one := range objects {
		if !one.IsDir && isDescriptor(one.Key) {
			found = append(found, descriptor{ListObject: one, target: p.target(one.Key)})
			targets = append(targets, found[len(found)-1].target)
		}
	}
	stored, err := known(ctx, targets)
	if err != nil {
		return nil, err
	}
	for n, one := range found {
		found[n].isUnchanged = one.version() != "" && stored[one.target] == one.version()
	}
	return found, nil
}

// version names the content of an object by the hash in the list, "" where there is none: a service has none for an object
// that was uploaded in parts.
func (d descriptor) version() string {
	if len(d.MD5) != md5.Size || d.Size > maxFile {
		return ""
	}
	return "md5-" + hex.EncodeToString(d.MD5)
}

// etagOf is the ETag of the content of an object. It is the version only if that is the content's hash, which it is not for
// objects that S3 has encrypted with a key of a customer.
func (d descriptor) etagOf(body []byte) string {
	if sum := md5.Sum(body); bytes.Equal(sum[:], d.MD5) { //nolint:gosec // It is the services' hash, and protects nothing.
		return d.version()
	}
	return hashOf(body)
}

func (p *Provider) list(ctx context.Context, opened *blob.Bucket, token string) ([]*blob.ListObject, string, error) {
	ctx, cancel := context.WithTimeout(asking(ctx, question{what: "list the objects of " + p.name, isList: true}), requestTimeout)
	defer cancel()
	from := blob.FirstPageToken
	if token != "" {
		from = []byte(token)
	}
	objects, next, err := opened.ListPage(ctx, from, p.listed, &blob.ListOptions{Prefix: p.prefix})
	if err == nil && len(next) > 0 && string(next) == token {
		err = fault.New(fault.Input, "%s answered with a list whose next page is the list itself", p.name)
	}
	return objects, string(next), err
}

// add adds what descriptors bring to a page. One that is too large stays a Location, so that what it had before is kept.
func (p *Provider) add(ctx context.Context, opened *blob.Bucket, found []descriptor, page *provider.Page) error {
	files := make([]provider.File, len(found))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for n, one := range found {
		spec := entity.LocationSpec{Type: provenance.URL, Target: one.target}
		page.Entities = append(page.Entities, provider.Entity{Entity: entity.LocationEntity(spec), Location: spec})
		if one.isUnchanged {
			files[n] = provider.File{URL: spec.Target, ETag: one.version()}
			continue
		}
		if one.Size > maxFile {
			page.Remark("%s is not read: it has %d bytes, more than the %d of a descriptor", one.Key, one.Size, maxFile)
			continue
		}
		group.Go(func() (err error) {
			defer fault.Recover(&err)
			body, err := p.content(ctx, opened, one.ListObject)
			files[n] = provider.File{URL: spec.Target, ETag: one.etagOf(body), Body: body}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, file := range files {
		if file.URL != "" {
			page.Files = append(page.Files, file)
		}
	}
	return nil
}

// content reads an object. One that is gone or has another size was changed since the list, or the answer is something else.
func (p *Provider) content(ctx context.Context, opened *blob.Bucket, listed *blob.ListObject) ([]byte, error) {
	ctx, cancel := context.WithTimeout(asking(ctx, question{what: "read " + listed.Key + " of " + p.name}), requestTimeout)
	defer cancel()
	reader, err := opened.NewReader(ctx, listed.Key, nil)
	if fault.KindOf(err) == fault.NotFound {
		return nil, fmt.Errorf("%w: %s is gone", errChanged, listed.Key)
	}
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	body, err := io.ReadAll(io.LimitReader(reader, maxFile+1))
	if err == nil && int64(len(body)) != listed.Size {
		err = fmt.Errorf("%w: %s had %d bytes, and has %d", errChanged, listed.Key, listed.Size, len(body))
	}
	return body, err
}

// hashOf is the SHA-256 of bytes, in hexadecimal digits.
func hashOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
