package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// A server's log, as C2SP tlog-tiles has it: what stands below its prefix.
type log struct {
	prefix string
	token  string
}

// served reads a server's whole log and judges it against the checkpoint that the server gives.
func (q question) served() (answer, error) {
	from := log{q.Prefix, q.Token}
	data, err := from.get("checkpoint")
	if err != nil {
		return answer{}, err
	}
	text, tree, err := open(data, q.Vkeys...)
	if err != nil {
		return answer{}, err
	}
	entries, err := from.entries(tree.N)
	if err != nil {
		return answer{}, err
	}
	if err := judge(tree, entries); err != nil {
		return answer{}, err
	}
	reader := tlog.TileHashReader(tree, from)
	for _, index := range q.Indexes {
		if err := from.judgeEntry(tree, reader, index, entries); err != nil {
			return answer{}, fmt.Errorf("entry %d: %w", index, err)
		}
	}
	if q.OldNote != nil {
		_, old, err := open(q.OldNote, q.Vkeys...)
		if err != nil {
			return answer{}, err
		}
		if err := from.judgeGrowth(tree, reader, old); err != nil {
			return answer{}, fmt.Errorf("from %d: %w", old.N, err)
		}
	}
	return answer{Text: text, Note: data, Read: len(entries)}, nil
}

// judge makes the tree of all entries anew: its root must be the one that was signed.
func judge(tree tlog.Tree, entries [][]byte) error {
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var found []tlog.Hash
		for _, index := range indexes {
			found = append(found, stored[index])
		}
		return found, nil
	})
	for n, entry := range entries {
		hashes, err := tlog.StoredHashesForRecordHash(int64(n), tlog.RecordHash(entry), read)
		if err != nil {
			return err
		}
		stored = append(stored, hashes...)
	}
	root, err := tlog.TreeHash(tree.N, read)
	if err == nil && root != tree.Hash {
		err = errors.New("the entries make another tree")
	}
	return err
}

// judgeEntry checks one entry by a proof that is made out of the tiles, and by the one that the server makes.
func (from log) judgeEntry(tree tlog.Tree, reader tlog.HashReader, index int64, entries [][]byte) error {
	leaf := tlog.RecordHash(entries[index])
	made, err := tlog.ProveRecord(tree.N, index, reader)
	if err != nil {
		return err
	}
	given, err := from.hashes(fmt.Sprintf("proof?index=%d&size=%d", index, tree.N))
	if err != nil {
		return err
	}
	for _, proof := range []tlog.RecordProof{made, given} {
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, leaf); err != nil {
			return err
		}
	}
	return nil
}

// judgeGrowth checks in both ways that the older tree is the beginning of this one.
func (from log) judgeGrowth(tree tlog.Tree, reader tlog.HashReader, old tlog.Tree) error {
	made, err := tlog.ProveTree(tree.N, old.N, reader)
	if err != nil {
		return err
	}
	given, err := from.hashes(fmt.Sprintf("consistency?from=%d&to=%d", old.N, tree.N))
	if err != nil {
		return err
	}
	for _, proof := range []tlog.TreeProof{made, given} {
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash); err != nil {
			return err
		}
	}
	return nil
}

// entries reads all entries out of their bundles: each stands behind its length, two bytes, big-endian.
func (from log) entries(size int64) ([][]byte, error) {
	var found [][]byte
	for start := int64(0); start < size; start += 256 {
		width := int(min(256, size-start))
		// The place of a bundle is written as that of the tile of level 0 that holds its hashes.
		place := strings.TrimPrefix(path(tlog.Tile{H: 8, L: 0, N: start / 256, W: width}), "tile/0/")
		data, err := from.get("tile/entries/" + place)
		if err != nil {
			return nil, err
		}
		for n := 0; n < width; n++ {
			if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
				return nil, errors.New("a bundle is cut off")
			}
			length := int(binary.BigEndian.Uint16(data))
			found = append(found, data[2:2+length])
			data = data[2+length:]
		}
		if len(data) != 0 {
			return nil, errors.New("a bundle is longer than its entries")
		}
	}
	return found, nil
}

// hashes reads a proof that the server makes.
func (from log) hashes(question string) ([]tlog.Hash, error) {
	data, err := from.get(question)
	if err != nil {
		return nil, err
	}
	var proof struct{ Hashes []string }
	if err := json.Unmarshal(data, &proof); err != nil {
		return nil, err
	}
	var found []tlog.Hash
	for _, text := range proof.Hashes {
		hash, err := parseHex(text)
		if err != nil {
			return nil, err
		}
		found = append(found, hash)
	}
	return found, nil
}

func (from log) get(path string) ([]byte, error) {
	request, err := http.NewRequest("GET", from.prefix+"/"+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+from.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", path, response.Status, bytes.TrimSpace(data))
	}
	return data, err
}

func (from log) Height() int { return 8 }

func (from log) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range wanted {
		data, err := from.get(path(tile))
		if err != nil {
			return nil, err
		}
		if len(data) != tile.W*tlog.HashSize {
			return nil, fmt.Errorf("%s has %d bytes", path(tile), len(data))
		}
		found = append(found, data)
	}
	return found, nil
}

func (from log) SaveTiles([]tlog.Tile, [][]byte) {}

// path is a tile's in C2SP tlog-tiles, which leaves the height out.
func path(tile tlog.Tile) string {
	return "tile/" + strings.TrimPrefix(tile.Path(), "tile/"+strconv.Itoa(tile.H)+"/")
}

func parseHex(text string) (tlog.Hash, error) {
	var data []byte
	if _, err := fmt.Sscanf(text, "%x", &data); err != nil {
		return tlog.Hash{}, err
	}
	return tlog.ParseHash(base64.StdEncoding.EncodeToString(data))
}

func min(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}
