/* SPDX-License-Identifier: Apache-2.0 */
#include "cut.h"

void cuts_init(struct cuts *cuts)
{
    *cuts = (struct cuts){.first = NULL};
    pthread_mutex_init(&cuts->lock, NULL);
}

void cuts_destroy(struct cuts *cuts)
{
    pthread_mutex_destroy(&cuts->lock);
}

void cuts_make(struct cuts *cuts, int for_ever)
{
    pthread_mutex_lock(&cuts->lock);
    cuts->for_ever |= for_ever;
    for (struct cut *cut = cuts->first; cut; cut = cut->next) {
        cut->made = 1;
        if (cut->multi) {
            curl_multi_wakeup(cut->multi);
        }
    }
    pthread_mutex_unlock(&cuts->lock);
}

void cut_add(struct cuts *cuts, struct cut *cut)
{
    pthread_mutex_lock(&cuts->lock);
    *cut = (struct cut){.among = cuts, .next = cuts->first, .made = cuts->for_ever};
    cuts->first = cut;
    pthread_mutex_unlock(&cuts->lock);
}

void cut_remove(struct cut *cut)
{
    pthread_mutex_lock(&cut->among->lock);
    struct cut **at = &cut->among->first;
    while (*at != cut) {
        at = &(*at)->next;
    }
    *at = cut->next;
    pthread_mutex_unlock(&cut->among->lock);
}

void cut_wait_on(struct cut *cut, CURLM *multi)
{
    pthread_mutex_lock(&cut->among->lock);
    cut->multi = multi;
    pthread_mutex_unlock(&cut->among->lock);
}

int cut_is_made(struct cut *cut)
{
    pthread_mutex_lock(&cut->among->lock);
    int made = cut->made;
    pthread_mutex_unlock(&cut->among->lock);
    return made;
}
