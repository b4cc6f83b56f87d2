#!/bin/sh
# Makes docs/run.svg anew: what a terminal shows of a first playbook on two throw-away hosts. Needs root, tmux and python3.
# usage: picture.sh FITOUT > docs/run.svg
set -eu
fitout=$(realpath "$1")
here=$(dirname "$(realpath "$0")")
name=picture
folder=$(mktemp -d)
trap '"$fitout" lab down --name "$name"; tmux -L "$name" kill-server 2>/dev/null; rm -rf "$folder"' EXIT
cp "$here/../examples/motd.yml" "$folder/motd.yml"
cp "$("$fitout" lab up --name "$name" -n 2 | tail -n 1)" "$folder/hosts.ini"
cd "$folder"
ln -s "$fitout" fitout
# What is typed, and then how it ends; a word that comes once all are done.
cat >story <<'STORY'
PATH=$PWD:$PATH
clear
for act in plan "apply --yes" plan; do
	printf '\033[1m$ fitout %s -i hosts.ini motd.yml\033[0m\n' "$act"
	fitout $act -i hosts.ini motd.yml
done
tmux -L picture wait-for -S told
sleep 60
STORY
tmux -L "$name" new-session -d -x 104 -y 60 "sh story"
tmux -L "$name" wait-for told
tmux -L "$name" capture-pane -e -p -t 0 | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}' | "$here/picture.py"
