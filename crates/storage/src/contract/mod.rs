//! The suite that every store must pass.
//!
//! Each case is a function over any [`crate::Store`], named as the sentence that
//! it proves, and gets a fresh store. A store's tests call
//! [`store_contract!`](crate::store_contract) with the name of an async function
//! that makes one:
//!
//! ```ignore
//! async fn fresh() -> (Arc<MyStore>, TempDir) { … }
//! crumb_storage::store_contract!(fresh);
//! ```
//!
//! To add a case: write it in its room's file and name it in the macro's list.

#![expect(clippy::unwrap_used, reason = "this is test code that lives in a library, so that stores share it")]

pub mod build;
pub mod clicks;

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
                many_clicks_at_once_are_all_kept_and_counted,
                the_newest_row_of_each_node_is_known,
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
