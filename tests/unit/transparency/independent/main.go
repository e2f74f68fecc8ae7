// Asks an implementation that is not ours, golang.org/x/mod/sumdb/note and .../tlog, whether it accepts what we
// made. Reads a JSON list of questions from standard input and writes a JSON list of answers: an answer with
// "error" says that it was refused. Everything is judged against the checkpoint that `note` opens.
package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type question struct {
	Ask     string            // open, sign, inclusion, consistency, tiles or served
	Vkey    string            // of the log
	Note    []byte            // the checkpoint
	OldNote []byte            // an earlier checkpoint
	Text    string            // to be signed
	Index   int64             // of a leaf
	Entry   []byte            // of that leaf
	Proof   []tlog.Hash       // to be checked
	OldSize int64             // to be proven consistent
	Tiles   map[string][]byte // by path
	Prefix  string            // of a served log
	Token   string            // with which it is read
	Vkeys   []string          // of that log
	Indexes []int64           // of leaves whose proofs are checked
}

type answer struct {
	Error       string      `json:"error,omitempty"`
	Text        string      `json:"text,omitempty"`
	Vkey        string      `json:"vkey,omitempty"`
	Note        []byte      `json:"note,omitempty"`
	Inclusion   []tlog.Hash `json:"inclusion,omitempty"`
	Consistency []tlog.Hash `json:"consistency,omitempty"`
	Read        int         `json:"read,omitempty"` // entries
}

func main() {
	var questions []json.RawMessage
	if err := json.NewDecoder(os.Stdin).Decode(&questions); err != nil {
		panic(err)
	}
	answers := make([]answer, len(questions))
	for i, raw := range questions {
		var q question
		err := json.Unmarshal(raw, &q)
		if err == nil {
			answers[i], err = q.answer()
		}
		if err != nil {
			answers[i] = answer{Error: err.Error()}
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		panic(err)
	}
}

func (q question) answer() (answer, error) {
	switch q.Ask {
	case "sign":
		return q.sign()
	case "served":
		return q.served()
	}
	text, tree, err := open(q.Note, q.Vkey)
	if err != nil {
		return answer{}, err
	}
	switch q.Ask {
	case "open":
		return answer{Text: text}, nil
	case "inclusion":
		return answer{}, tlog.CheckRecord(q.Proof, tree.N, tree.Hash, q.Index, tlog.RecordHash(q.Entry))
	case "consistency":
		_, old, err := open(q.OldNote, q.Vkey)
		if err != nil {
			return answer{}, err
		}
		return answer{}, tlog.CheckTree(q.Proof, tree.N, tree.Hash, old.N, old.Hash)
	case "tiles":
		return q.prove(tree)
	}
	return answer{}, errors.New("unknown question")
}

// sign makes a key and a note of its own.
func (q question) sign() (answer, error) {
	skey, vkey, err := note.GenerateKey(rand.Reader, "go.example/log")
	if err != nil {
		return answer{}, err
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		return answer{}, err
	}
	signed, err := note.Sign(&note.Note{Text: q.Text}, signer)
	return answer{Vkey: vkey, Note: signed}, err
}

// prove makes its own proofs out of our tiles, which it first checks against the root.
func (q question) prove(tree tlog.Tree) (answer, error) {
	reader := tlog.TileHashReader(tree, tiles(q.Tiles))
	inclusion, err := tlog.ProveRecord(tree.N, q.Index, reader)
	if err != nil {
		return answer{}, err
	}
	consistency, err := tlog.ProveTree(tree.N, q.OldSize, reader)
	return answer{Inclusion: inclusion, Consistency: consistency}, err
}

func open(data []byte, vkeys ...string) (string, tlog.Tree, error) {
	var verifiers []note.Verifier
	for _, vkey := range vkeys {
		verifier, err := note.NewVerifier(vkey)
		if err != nil {
			return "", tlog.Tree{}, err
		}
		verifiers = append(verifiers, verifier)
	}
	opened, err := note.Open(data, note.VerifierList(verifiers...))
	if err != nil {
		return "", tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 {
		return "", tlog.Tree{}, errors.New("no checkpoint")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return "", tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return opened.Text, tlog.Tree{N: size, Hash: root}, err
}

type tiles map[string][]byte

func (t tiles) Height() int { return 8 }

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range wanted {
		data, ok := t[path(tile)]
		if !ok {
			return nil, fmt.Errorf("there is no %s", path(tile))
		}
		found = append(found, data)
	}
	return found, nil
}

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}
