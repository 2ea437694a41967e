//! The suite that every store must pass.
//!
//! Each case is a function over any [`crate::Store`], named as the sentence that
//! it proves, and gets a fresh store. A store's tests call
//! [`store_contract!`](crate::store_contract) with the name of an async function
//! that makes one:
//!
//! ```text
//! async fn fresh() -> (Arc<MyStore>, TempDir) { … }
//! crumb_storage::store_contract!(fresh);
//! ```
//!
//! To add a case: write it in its room's file and name it in the macro's list.

#![expect(clippy::unwrap_used, reason = "this is test code that lives in a library, so that stores share it")]

pub mod access;
pub mod after_sale;
pub mod alerts;
pub mod build;
pub mod build_conversions;
pub mod build_selling;
pub mod caps_told;
pub mod charges;
pub mod clicks;
pub mod configuration;
pub mod conversion_caps;
pub mod conversion_changes;
pub mod conversion_lists;
pub mod conversion_taken;
pub mod conversions;
pub mod lead_lists;
pub mod leads;
pub mod outbox;
pub mod pixel_lines;
pub mod posts;
pub mod replacements;
pub mod retention;
pub mod selling;
pub mod selling_money;
pub mod selling_offers;
pub mod selling_records;
pub mod selling_recovery;
pub mod sub_affiliates;
pub mod updates;

/// Makes one test of each case of the suite, for a store that `$fresh` makes: an
/// async function that gives an `Arc` of the store and whatever must live as long.
#[macro_export]
macro_rules! store_contract {
    ($fresh:ident) => {
        $crate::store_contract! { @cases $fresh;
            clicks: [
                a_click_that_opens_a_session_is_found_as_that_session,
                a_click_comes_back_as_it_was,
                a_duplicate_or_diverted_click_is_no_session,
                the_clicks_of_a_session_are_found_by_it,
                clicks_are_found_by_each_filter_and_by_time,
                pages_of_clicks_follow_each_other_without_gap_or_repeat,
                the_clicks_of_one_request_are_kept_together_or_not_at_all,
                prefill_values_are_kept_for_the_session_and_the_newest_of_a_name_holds,
                counts_add_up_over_the_days_of_a_check,
                impressions_are_counted_by_day_for_campaign_and_creative,
                many_clicks_at_once_are_all_kept_and_counted,
                the_newest_row_of_each_node_is_known,
                recent_openings_are_the_newest_sessions_of_the_offers,
            ];
            charges: [
                clicks_that_are_written_at_once_are_one_entry_a_party_campaign_and_day,
                a_click_that_nobody_is_paid_for_has_no_entry,
                entries_of_clicks_sum_to_count_times_price_however_many_come_at_once,
                a_click_that_is_not_kept_costs_nothing,
                clicks_beyond_the_range_of_an_amount_are_several_entries,
                impressions_are_entries_by_the_thousand_however_many_come_at_once,
                a_price_that_changes_within_a_thousand_holds_for_those_that_came_under_it,
            ];
            leads: [
                a_lead_comes_back_as_it_was,
                the_answer_is_rendered_from_the_verdict_and_kept_with_the_post,
                a_lead_id_that_is_taken_keeps_nothing,
                equal_posts_at_the_same_moment_make_one_lead,
                an_earlier_lead_counts_in_its_vertical_offer_and_window_only,
                a_cap_of_ten_takes_exactly_ten_of_a_thousand_posts,
                a_cap_counts_all_days_of_its_interval,
                checks_come_in_order,
                a_refused_lead_leaves_its_post_and_nothing_else,
                a_session_opened_by_a_lead_is_one_that_attributes_nothing,
                a_session_has_converted_with_a_sold_queued_or_paid_lead,
                rows_of_leads_posts_and_their_sessions_count_as_newest,
            ];
            posts: [
                posts_with_one_key_at_the_same_moment_make_one_lead,
                an_answer_is_given_again_within_72_hours_and_its_scope,
                a_rejection_is_given_again_too,
                a_rejected_post_is_kept_with_its_answer_and_the_beginning_of_its_body,
                posts_beyond_the_limit_are_only_counted,
                rejections_are_found_by_each_filter_and_in_pages,
            ];
            updates: [
                a_change_replaces_the_lead_and_raises_its_revision,
                a_change_of_a_lead_changes_whether_its_session_has_converted,
                of_changes_at_the_same_moment_one_holds,
                a_lead_is_no_duplicate_of_itself,
                a_changed_lead_is_the_earlier_one_of_its_new_person_only,
                a_refused_change_leaves_the_lead_as_it_was,
                a_change_under_a_used_key_is_not_made_again,
            ];
            lead_lists: [
                leads_are_found_by_each_filter_and_by_time,
                leads_are_found_by_id_email_and_phone,
                pages_of_leads_follow_each_other_without_gap_or_repeat,
            ];
            selling: [
                a_cap_of_ten_grants_ten_of_a_thousand_at_once,
                credit_is_exact_however_many_ask_at_once,
                a_lead_for_nothing_needs_no_credit_unless_the_buyer_is_over_it,
                what_is_released_frees_cap_and_credit,
                a_lead_goes_to_a_buyer_once,
                a_reservation_is_refused_in_the_order_of_reasons,
                a_contract_counts_by_opening_day,
                a_sale_costs_its_buyer_the_final_price_once,
                what_is_held_keeps_cap_and_credit_until_it_is_settled,
                only_a_lead_in_hand_is_reserved_for,
                a_run_is_settled_on_the_lead_as_it_was_read,
                what_a_refused_reservation_tells_is_kept,
            ];
            selling_money: [
                balances_are_sums_of_entries_after_any_sequence_of_steps,
                an_opening_balance_is_added_with_its_change,
                a_leads_entries_come_back_as_they_were,
            ];
            after_sale: [
                a_return_is_kept_once_for_a_sale_and_stands_as_it_was_decided,
                returns_are_found_by_each_filter_and_in_pages,
                leads_to_replace_are_counted_by_contract,
                what_a_buyer_says_replaces_what_it_said_before,
                what_is_said_of_a_waiting_lead_leaves_it_waiting,
                entries_of_the_ledger_are_found_by_each_filter_and_in_pages,
                a_buyers_account_holds_balance_and_what_is_reserved,
                a_payment_is_made_once_under_its_key,
                keys_of_payments_are_of_caller_and_route,
                payments_with_one_key_at_the_same_moment_are_one,
                of_two_returns_at_once_one_holds,
                a_sale_for_good_is_one_whatever_comes_between,
                rows_of_returns_count_as_newest,
            ];
            replacements: [
                leads_at_once_are_free_as_often_as_one_is_owed_and_no_oftener,
                a_replacement_is_owed_reserved_and_delivered_in_the_write_that_says_so,
                a_replacement_that_is_not_bought_is_owed_on,
                a_replacement_of_unknown_end_is_held_and_settled_once,
                a_crash_leaves_a_replacement_on_its_way_or_delivered,
                what_is_owed_is_one_buyers_under_one_contract_and_the_longest_owed_first,
                whoever_pays_a_lead_back_that_is_being_replaced_reads_it_again,
            ];
            selling_offers: [
                a_post_waits_for_its_answer_until_the_run_ends,
                posts_with_one_key_at_the_same_moment_take_one_lead_in_hand,
                a_run_that_ends_without_an_answer_frees_the_key,
                a_refused_post_takes_nothing_in_hand,
                a_held_leads_key_answers_the_settled_state,
                waiting_leads_come_in_the_order_in_which_they_are_due,
                a_waiting_lead_is_taken_in_hand_by_one,
                what_is_in_hand_waits_and_is_held_is_counted,
                a_lead_in_hand_is_left_alone,
                a_changed_lead_is_offered_again,
                a_sold_lead_that_waits_for_others_goes_on_waiting,
                a_late_end_does_not_answer_another_post_under_its_key,
                a_lead_is_an_earlier_one_and_counts_while_its_run_says_so,
                a_lead_that_becomes_a_conversion_counts_as_one,
            ];
            selling_records: [
                a_leads_records_come_back_as_they_were,
                what_a_post_tells_of_its_lead_is_in_the_time_line_if_it_is_accepted,
                a_run_that_is_recorded_already_settles_nothing,
                runs_of_leads_come_in_the_order_in_which_they_began,
                a_run_begins_with_what_routing_must_know,
                the_last_ten_posts_of_a_contract_are_known,
                rows_of_attempts_and_runs_count_as_newest,
                a_quote_is_found_while_it_holds,
                a_quote_is_used_once,
                passed_quotes_are_forgotten,
            ];
            selling_recovery: [
                a_lead_of_which_nothing_was_sent_is_interrupted_and_leaves_nothing,
                a_post_without_an_end_is_held,
                a_post_that_was_never_answered_says_whether_its_poster_was_told_later,
                a_post_that_was_cut_off_is_an_attempt_and_no_failure_of_its_contract,
                what_was_told_to_be_sold_is_sold_once,
                a_queued_lead_in_hand_goes_back_to_the_queue,
                a_sold_lead_that_is_offered_on_goes_back_to_the_queue,
                a_lead_that_a_crash_left_pending_does_not_count,
                an_earlier_run_stands_whatever_becomes_of_a_later_one,
                one_run_that_broke_off_is_ended_as_a_start_would_and_no_other,
                a_run_that_broke_off_with_nothing_sent_is_recorded_as_it_is_told,
                a_lead_whose_end_panics_is_left_aside_and_the_others_are_ended,
                a_start_without_a_crash_recovers_nothing,
            ];
            alerts: [
                an_alert_comes_back_as_it_was,
                what_repeats_within_a_minute_is_counted_with_the_first,
                alerts_of_a_clock_that_was_put_back_stand_for_themselves,
                an_alert_is_kept_for_its_days,
                alerts_are_found_by_each_filter_and_in_pages,
                a_leads_alerts_are_raised_with_its_write,
                who_is_told_of_alerts_is_told_in_the_write_that_raises_them,
            ];
            caps_told: [
                a_cap_is_told_by_the_write_that_fills_it_and_once,
                each_interval_and_limit_of_a_cap_is_told_for_itself,
                a_cap_that_leads_in_hand_fill_is_told_by_the_one_that_stays,
                a_contracts_cap_is_told_when_its_last_lead_is_sold,
                a_cap_that_clicks_fill_is_told_with_their_write_or_not_at_all,
            ];
            retention: [
                the_pixel_log_goes_step_by_step_up_to_a_moment,
                delivered_deliveries_go_and_parked_or_waiting_ones_stay,
                attempts_go_when_their_leads_rest,
                many_that_stay_keep_no_other_from_going,
            ];
            outbox: [
                a_delivery_comes_back_as_it_was,
                deliveries_are_written_with_what_they_tell_or_not_at_all,
                what_is_due_is_claimed_the_longest_due_first,
                each_delivery_is_claimed_by_one,
                a_claim_keeps_to_its_room,
                thousands_that_wait_for_one_destination_keep_no_other_back,
                a_delivery_that_fails_is_due_again_as_told_and_its_tries_count,
                a_postponed_delivery_counts_no_try,
                a_lease_that_ran_out_is_claimed_anew_and_its_end_counts_no_more,
                what_was_delivered_under_an_old_lease_is_delivered,
                a_delivery_that_ended_stays_as_it_is,
                leases_of_a_process_that_is_gone_are_released,
                a_clock_that_was_put_back_holds_nothing_up,
                the_next_moment_at_which_something_is_due_is_known,
                alerts_are_raised_with_the_end_of_leases,
                whoever_waits_for_deliveries_hears_of_those_written,
                what_waits_is_counted_with_its_oldest,
                deliveries_are_found_by_each_filter_and_in_pages,
                what_has_ended_is_replayed_by_filter_with_its_ids,
                more_than_one_write_holds_are_replayed,
                rows_of_deliveries_count_as_newest,
            ];
            sub_affiliates: [
                every_distinct_s1_is_a_sub_affiliate_of_its_affiliate_once,
                leads_name_sub_affiliates_too,
                machines_and_links_that_lead_nowhere_name_none,
                pages_of_sub_affiliates_follow_each_other_without_gap_or_repeat,
                a_refused_write_names_no_sub_affiliate_and_hides_none,
            ];
            conversions: [
                a_conversion_comes_back_as_it_was,
                every_call_is_in_the_log_with_what_became_of_it,
                an_accepted_lead_is_the_conversion_of_its_place,
                a_leads_conversion_stands_by_its_status_until_somebody_says_otherwise,
                the_same_event_of_a_session_counts_once_unless_it_may_come_again,
                a_lead_counts_among_its_sessions_conversions,
                a_transaction_id_counts_once_for_its_offer_and_event,
                a_call_decided_before_its_session_changed_is_decided_again,
                equal_calls_at_the_same_moment_make_one_conversion,
                equal_transaction_ids_at_the_same_moment_make_one_conversion,
                a_cap_of_ten_pays_ten_of_fifty_at_once,
                what_is_over_a_cap_earns_and_counts_nothing,
                a_test_meets_no_cap_and_raises_no_count,
                a_signed_call_counts_once,
                a_session_has_converted_with_an_approved_conversion,
                what_a_conversion_moves_is_in_the_ledger,
                rows_of_conversions_and_calls_count_as_newest,
            ];
            conversion_changes: [
                a_call_is_noted_with_its_lead,
                a_lead_that_was_not_accepted_is_only_named_by_a_pixel,
                of_two_calls_for_one_lead_at_once_one_is_noted,
                a_transaction_id_or_signature_that_was_there_is_not_noted,
                a_run_that_ends_leaves_what_was_noted_meanwhile,
                what_is_received_for_a_lead_is_what_it_brings_until_somebody_says_otherwise,
                a_change_holds_on_what_was_read_only,
                all_rows_of_an_import_are_brought_in_together,
                what_people_say_is_in_the_time_line_with_what_it_changes,
                an_import_of_which_a_row_cannot_be_leaves_nothing,
            ];
            conversion_caps: [
                a_lead_that_was_decided_on_another_count_of_its_cap_is_decided_again,
                a_lead_that_becomes_a_conversion_later_meets_the_cap_then,
                a_cap_of_ten_pays_ten_of_forty_leads_at_once,
            ];
            conversion_taken: [
                a_lead_takes_over_what_was_reported_before_it,
                a_lead_that_was_decided_before_a_pixel_came_is_decided_again,
                a_lead_takes_over_no_test_and_no_other_event,
                a_lead_in_hand_takes_over_what_is_there_when_its_run_ends,
                what_was_said_is_received_is_in_the_books_from_the_leads_acceptance_on,
                a_transaction_id_that_another_has_is_not_given_to_a_conversion,
                a_call_reads_of_its_session_what_it_rests_on,
                a_call_that_can_show_html_is_decided_again_where_its_session_has_the_event,
                conversions_of_an_event_that_may_come_again_do_not_stand_in_each_others_way,
                a_call_hides_of_which_conversion_of_another_affiliate_it_is_a_duplicate,
                a_conversion_that_does_not_count_is_taken_over_as_one,
            ];
            pixel_lines: [
                the_line_of_a_call_that_made_a_conversion_says_all_of_the_call,
                lines_are_in_one_order_wherever_they_lie,
                a_line_stays_as_it_was_whatever_becomes_of_its_conversion,
                lines_of_conversions_go_when_they_are_old_like_all_others,
                a_line_is_listed_also_where_what_is_old_goes_before_it_comes,
                lines_are_listed_also_after_the_clock_was_ahead,
            ];
            conversion_lists: [
                conversions_are_found_by_each_filter_and_by_time,
                pages_of_conversions_follow_each_other_without_gap_or_repeat,
                calls_are_found_by_each_filter_and_in_pages,
                calls_of_a_session_are_found_whether_or_not_they_made_something,
                the_sessions_of_a_device_are_found_newest_first,
                the_last_click_of_a_session_is_its_newest,
            ];
            configuration: [
                nothing_applied_is_version_0_without_entities,
                a_version_holds_what_it_put_and_what_it_did_not_touch,
                every_version_can_be_read_again,
                a_change_of_another_version_is_a_conflict_and_keeps_nothing,
                what_is_told_of_a_change_is_written_with_it_or_not_at_all,
                of_changes_at_the_same_moment_one_is_committed,
                versions_are_listed_newest_first_in_pages,
                every_document_of_an_entity_is_known,
                what_clicks_posts_and_leads_refer_to_has_history,
                what_leads_are_offered_to_has_history,
                what_was_converted_and_booked_has_history,
                what_a_click_merely_names_has_no_history,
                a_refused_write_makes_no_history_and_hides_none,
            ];
            access: [
                a_key_is_found_by_its_hash_also_when_revoked,
                a_name_belongs_to_one_key_that_is_in_force,
                a_share_lives_until_it_is_ended,
                a_fresh_store_is_ready,
            ];
        }
    };
    (@cases $fresh:ident; $($room:ident: [$($case:ident),* $(,)?];)*) => {$(
        mod $room {
            use super::$fresh;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let (store, _keep) = $fresh().await;
                    $crate::contract::$room::$case(store).await;
                }
            )*
        }
    )*};
}
