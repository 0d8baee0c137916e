#!/bin/sh
# Mails a reminder to each address that the data base has.
for to in $(psql -Atc 'select mail from debtors'); do
  echo "Dear $to, please pay." | sendmail "$to"
done
