package aws

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

const (
	// effectMark is the metadata by which an object shows the effect that it was written for, and replacedMark says
	// that there was another one in its place before.
	effectMark   = "portico-effect"
	replacedMark = "portico-replaced"
	// atOnce is how many objects are read or written at the same time.
	atOnce = 8
)

// object is an object of the step.
type object struct {
	key string
	// version is its version, "" in a bucket that keeps none.
	version string
	// effect is the effect that it was written for, "" for one of somebody else.
	effect string
	// hasReplaced says that there was another one before it.
	hasReplaced bool
}

// head reads an object, nil when there is none.
func (b bucket) head(ctx context.Context, key string) (*object, error) {
	answer, err := ask(ctx, "looking for s3://"+b.Bucket+"/"+key, b.client.HeadObject, &s3.HeadObjectInput{Bucket: &b.Bucket, Key: &key})
	switch {
	case isCode(err, "NotFound"):
		return nil, nil
	case err != nil:
		return nil, err
	}
	found := &object{key: key, effect: answer.Metadata[effectMark], hasReplaced: answer.Metadata[replacedMark] != ""}
	if version := aws.ToString(answer.VersionId); version != "null" {
		found.version = version
	}
	return found, nil
}

// each does something for several keys at the same time.
func each(ctx context.Context, keys []string, do func(ctx context.Context, key string) error) error {
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, key := range keys {
		group.Go(func() error { return do(within, key) })
	}
	return group.Wait()
}

// find are the objects that were written for an effect, nil when there are none.
func (b bucket) find(ctx context.Context, effectID string) (*resource.Found[[]object], error) {
	var mutex sync.Mutex
	var found []object
	err := each(ctx, b.Keys, func(ctx context.Context, key string) error {
		one, err := b.head(ctx, key)
		if err != nil || one == nil || one.effect != effectID {
			return err
		}
		mutex.Lock()
		defer mutex.Unlock()
		found = append(found, *one)
		return nil
	})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return foundObjects(found), nil
}

// foundObjects belong to the effect: find has left out the others.
func foundObjects(objects []object) *resource.Found[[]object] {
	return &resource.Found[[]object]{Thing: objects, MadeFor: func(action.Effect) bool { return true }}
}

// write writes the objects that are not there yet.
func (b bucket) write(ctx context.Context, call *action.Call, effectID string, files map[string]string) (*resource.Found[[]object], error) {
	err := each(ctx, b.Keys, func(ctx context.Context, key string) error {
		before, err := b.head(ctx, key)
		if err != nil || before != nil && before.effect == effectID {
			return err
		}
		marks := map[string]string{effectMark: effectID}
		if before != nil {
			marks[replacedMark] = "true"
		}
		return b.put(ctx, call, key, files[key], marks)
	})
	return foundObjects(nil), err
}

// put writes one file.
func (b bucket) put(ctx context.Context, call *action.Call, key, name string, marks map[string]string) error {
	file, err := call.Workspace.Open(name)
	if err != nil {
		return action.Final(fmt.Errorf("open %s: %w", name, err))
	}
	defer file.Close()
	bounded, cancel := context.WithTimeout(ctx, uploadTimeout)
	defer cancel()
	_, err = b.client.PutObject(bounded, &s3.PutObjectInput{Bucket: &b.Bucket, Key: &key, Body: file, Metadata: marks})
	return explain("writing s3://"+b.Bucket+"/"+key, err)
}

// delete deletes the step's versions of objects. One that has replaced another stays where that would not come back.
func (b bucket) delete(ctx context.Context, objects []object) error {
	var left []string
	for _, one := range objects {
		if one.hasReplaced && one.version == "" {
			left = append(left, one.key)
			continue
		}
		request := &s3.DeleteObjectInput{Bucket: &b.Bucket, Key: &one.key}
		if one.version != "" {
			request.VersionId = &one.version
		}
		if _, err := ask(ctx, "deleting s3://"+b.Bucket+"/"+one.key, b.client.DeleteObject, request); err != nil {
			return err
		}
	}
	if len(left) == 0 {
		return nil
	}
	return &action.InUseError{Reason: fmt.Sprintf("These objects of %s were there before the step replaced them, and the bucket keeps no versions: %s. "+
		"They keep the content that the step gave them.", b.Bucket, strings.Join(left, ", "))}
}
