package store

import (
	"container/list"
	"sync"
	"time"
)

// maxCached bounds a file in memory. Larger ones, such as videos, are read from the bucket each time.
const maxCached = 1 << 20

// kept is a file that was read, and what the bucket said about it.
type kept struct {
	key      string
	etag     string
	modified time.Time
	content  []byte
}

// overhead is roughly what a kept file takes besides its content.
const overhead = 256

func (k *kept) size() int64 { return int64(len(k.content)+len(k.key)) + overhead }

// cache keeps the files that were read last, up to a number of bytes. It is safe for concurrent use.
type cache struct {
	most int64

	mutex sync.Mutex
	size  int64
	// order has the files, the one that was read last in front.
	order *list.List
	files map[string]*list.Element
}

type cacheEntry struct {
	file    *kept
	checked time.Time
}

func entryOf(element *list.Element) *cacheEntry {
	entry, _ := element.Value.(*cacheEntry) // nothing else is in the list
	return entry
}

func newCache(most int64) *cache {
	return &cache{most: most, order: list.New(), files: map[string]*list.Element{}}
}

// get is the kept file of a key, nil without one, and when it was last the bucket's.
func (c *cache) get(key string) (*kept, time.Time) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	element := c.files[key]
	if element == nil {
		return nil, time.Time{}
	}
	c.order.MoveToFront(element)
	entry := entryOf(element)
	return entry.file, entry.checked
}

// put keeps a file in place of an earlier one, and drops those that were not read for longest.
func (c *cache) put(file *kept, checked time.Time) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.drop(file.key)
	c.files[file.key] = c.order.PushFront(&cacheEntry{file, checked})
	c.size += file.size()
	for c.size > c.most {
		c.drop(entryOf(c.order.Back()).file.key)
	}
}

// forget drops the file of a key.
func (c *cache) forget(key string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.drop(key)
}

// forgetBelow drops the files of a site.
func (c *cache) forgetBelow(folder string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for key := range c.files {
		if len(key) > len(folder) && key[:len(folder)] == folder && key[len(folder)] == '/' {
			c.drop(key)
		}
	}
}

func (c *cache) drop(key string) {
	element := c.files[key]
	if element == nil {
		return
	}
	c.size -= entryOf(element).file.size()
	c.order.Remove(element)
	delete(c.files, key)
}
